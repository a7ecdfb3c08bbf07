// The trainer is trusted because its gradients are those of its loss (finite differences) and its loss and steps are
// those of cases worked out by hand.
#include "tests/support/trainer.h"

#include <catch2/catch.hpp>

#include <cmath>
#include <random>

using namespace backboard::test;

namespace {

void fill(std::vector<double>& values, std::mt19937& random, double scale) {
  for (double& value : values) value = scale * (static_cast<double>(random()) / 2147483648.0 - 1.0);
}

struct Problem {
  Trainer trainer;
  std::vector<double> images;
  std::vector<uint8_t> labels;
};

Problem problem(ImageSize input, std::vector<LayerSpec> layers, size_t images, unsigned seed) {
  Problem p{Trainer(input, std::move(layers)), std::vector<double>(images * input.elements()), {}};
  std::mt19937 random(seed);
  fill(p.images, random, 1.0);
  for (size_t i = 0; i < images; ++i) p.labels.push_back(static_cast<uint8_t>(random() % p.trainer.classes()));
  for (size_t layer = 0; layer < p.trainer.layers(); ++layer) {
    fill(p.trainer.parameters(layer).weights, random, 0.5);
    fill(p.trainer.parameters(layer).bias, random, 0.3);
  }
  return p;
}

/// Largest difference between gradients and central differences of the mean loss, over the largest gradient, for up to
/// 20 parameters of each tensor.
double gradient_error(Problem& p) {
  std::vector<LayerParameters> gradients;
  p.trainer.gradients(p.images, p.labels, gradients);
  double error = 0.0, largest = 0.0;
  const auto check = [&](std::vector<double>& values, const std::vector<double>& gradient) {
    const size_t step = values.size() / 20 + 1;
    for (size_t i = 0; i < values.size(); i += step) {
      const double kept = values[i], h = 1e-5;
      values[i] = kept + h;
      const double above = p.trainer.evaluate(p.images, p.labels).loss_sum;
      values[i] = kept - h;
      const double below = p.trainer.evaluate(p.images, p.labels).loss_sum;
      values[i] = kept;
      const double difference = (above - below) / (2 * h) / static_cast<double>(p.labels.size());
      error = std::max(error, std::fabs(difference - gradient[i]));
      largest = std::max(largest, std::fabs(gradient[i]));
    }
  };
  for (size_t layer = 0; layer < p.trainer.layers(); ++layer) {
    check(p.trainer.parameters(layer).weights, gradients[layer].weights);
    check(p.trainer.parameters(layer).bias, gradients[layer].bias);
  }
  REQUIRE(largest > 1e-3);
  return error / largest;
}

}  // namespace

TEST_CASE("gradients of every kind of layer agree with central differences") {
  const LayerSpec relu{};
  LayerSpec uneven = LayerSpec::conv(3, 3, 1, 1);  // every number of a window differs between rows and columns
  uneven.kernel_w = 2;
  uneven.stride_h = 2;
  uneven.pad_w = 0;
  LayerSpec uneven_pool = LayerSpec::pool(LayerKind::max_pool, 3, 2, 1);
  uneven_pool.kernel_w = 2;
  uneven_pool.stride_w = 1;
  uneven_pool.pad_w = 0;

  const std::vector<std::vector<LayerSpec>> networks = {
      {LayerSpec::fc(4)},
      {LayerSpec::fc(6), relu, LayerSpec::fc(3)},
      {LayerSpec::conv(3, 3, 1, 1), relu, LayerSpec::fc(4)},
      {LayerSpec::conv(4, 3, 2, 0), relu, LayerSpec::conv(3, 2, 1, 1), LayerSpec::fc(4)},
      {uneven, relu, LayerSpec::fc(3)},
      {LayerSpec::conv(3, 3, 1, 1), LayerSpec::pool(LayerKind::max_pool, 2, 2), relu, LayerSpec::fc(3)},
      {LayerSpec::conv(2, 3, 1, 1), LayerSpec::pool(LayerKind::max_pool, 3, 2, 1), LayerSpec::fc(3)},
      {LayerSpec::conv(2, 3, 1, 1), uneven_pool, LayerSpec::fc(3)},
      {LayerSpec::conv(2, 3, 1, 1), LayerSpec::pool(LayerKind::average_pool, 3, 2, 1), relu, LayerSpec::fc(3)},
      {LayerSpec::conv(5, 3, 1, 1), relu, LayerSpec::pool(LayerKind::global_pool, 1, 1), LayerSpec::fc(3)},
  };
  for (size_t i = 0; i < networks.size(); ++i) {
    INFO("network " << i);
    Problem p = problem({2, 7, 6}, networks[i], 3, 100 + static_cast<unsigned>(i));
    // Second-order differences with h = 1e-5 in double: about 1e-10 of truncation and 1e-11 of rounding.
    CHECK(gradient_error(p) < 1e-7);
  }
}

TEST_CASE("net S has the published number of parameters and the gradients of its loss") {
  Problem p = problem({1, 28, 28}, net_s(), 2, 7);
  size_t parameters = 0;
  for (size_t layer = 0; layer < p.trainer.layers(); ++layer)
    parameters += p.trainer.parameters(layer).weights.size() + p.trainer.parameters(layer).bias.size();
  CHECK(parameters == 25034);  // 80 + 1168 + 4640 + 18496 + 650
  CHECK(p.trainer.size_before(9).elements() == 288);
  CHECK(gradient_error(p) < 1e-6);
}

TEST_CASE("a softmax of equal logits costs log(classes) and its error is p minus one-hot over the batch") {
  Trainer trainer({4, 1, 1}, {LayerSpec::fc(4)});
  const std::vector<double> images = {1, 2, 3, 4, 0, 1, 0, 1};
  const std::vector<uint8_t> labels = {2, 0};
  std::vector<LayerParameters> gradients;
  const BatchLoss found = trainer.gradients(images, labels, gradients);
  CHECK(found.loss_sum == Approx(2 * std::log(4.0)));
  CHECK(found.correct == 1);  // all logits equal: class 0 is the first largest
  CHECK(gradients[0].bias[0] == Approx((0.25 + (0.25 - 1.0)) / 2));
  CHECK(gradients[0].bias[2] == Approx(((0.25 - 1.0) + 0.25) / 2));
  CHECK(gradients[0].weights[2 * 4 + 3] == Approx(((0.25 - 1.0) * 4 + 0.25 * 1) / 2));
}

TEST_CASE("momentum and weight decay follow v = m v + g + d w and w = w - r v") {
  Trainer trainer({1, 1, 1}, {LayerSpec::fc(2)});
  trainer.parameters(0).weights = {0.5, -0.5};
  const std::vector<double> images = {1.0};
  const std::vector<uint8_t> labels = {0};
  const SgdOptions options{.learning_rate = 0.1, .momentum = 0.9, .weight_decay = 0.01};
  double w = 0.5, b = 0.0, v = 0.0, vb = 0.0;  // the other class mirrors this one
  for (int i = 0; i < 5; ++i) {
    const double p = 1.0 / (1.0 + std::exp(-2.0 * (w + b)));
    v = 0.9 * v + (p - 1.0) + 0.01 * w;
    vb = 0.9 * vb + (p - 1.0) + 0.01 * b;
    w -= 0.1 * v;
    b -= 0.1 * vb;
    trainer.step(images, labels, options);
    CHECK(trainer.parameters(0).weights[0] == Approx(w).epsilon(1e-12));
    CHECK(trainer.parameters(0).weights[1] == Approx(-w).epsilon(1e-12));
    CHECK(trainer.parameters(0).bias[0] == Approx(b).epsilon(1e-12));
  }
}

TEST_CASE("layers that are not trained keep their parameters") {
  Problem p = problem({1, 4, 4}, {LayerSpec::conv(2, 3, 1, 1), {}, LayerSpec::fc(3)}, 2, 3);
  const std::vector<double> before = p.trainer.parameters(0).weights;
  const std::vector<double> head = p.trainer.parameters(2).weights;
  p.trainer.step(p.images, p.labels, {}, {false, false, true});
  CHECK(p.trainer.parameters(0).weights == before);
  CHECK(p.trainer.parameters(2).weights != head);
}

TEST_CASE("steps of net S bring its loss down on a batch that it can learn") {
  Problem p = problem({1, 12, 12}, net_s(3), 6, 11);
  for (size_t layer = 0; layer < p.trainer.layers(); ++layer)
    for (double& w : p.trainer.parameters(layer).weights) w *= 0.5;
  const double before = p.trainer.evaluate(p.images, p.labels).loss_sum;
  for (int i = 0; i < 60; ++i) p.trainer.step(p.images, p.labels, {.learning_rate = 0.1, .momentum = 0.9});
  CHECK(p.trainer.evaluate(p.images, p.labels).loss_sum < 0.2 * before);
}

TEST_CASE("a relative difference sees a NaN and a value where none is expected") {
  const std::vector<double> expected = {1.0, -2.0};
  CHECK(relative_difference(expected, std::vector<float>{1.0f, -2.0f}) == 0.0);
  CHECK(relative_difference(expected, std::vector<float>{1.5f, -2.0f}) == 0.25);
  CHECK(std::isinf(relative_difference(expected, std::vector<float>{std::nanf(""), -2.0f})));
  CHECK(std::isinf(relative_difference(std::vector<double>{0.0}, std::vector<float>{1e-30f})));
}
