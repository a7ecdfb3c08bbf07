#include "npu/vector/softmax_loss.h"

#include <catch2/catch.hpp>

#include <algorithm>
#include <cmath>

#include "npu/numerics/elementary.h"
#include "tests/npu/vector/special_values.h"

using namespace backboard::npu;
using namespace backboard::test;

namespace {

struct Outcome {
  std::vector<float> error;
  LossSums sums;
};

Outcome run(const std::vector<float>& logits, uint32_t classes, const std::vector<uint8_t>& labels,
            LossParameters parameters) {
  Outcome o{std::vector<float>(logits.size(), 55.0f), {}};
  const auto n = static_cast<uint32_t>(labels.size());
  const TileLoss result = softmax_loss(dense_tensor(logits.data(), n, classes, 1, 1), labels, parameters,
                                       dense_tensor(o.error.data(), n, classes, 1, 1), o.sums);
  REQUIRE_FALSE(result.bad_label);
  return o;
}

}  // namespace

TEST_CASE("error and loss follow the written formula in binary32, bit for bit") {
  const uint32_t n = 5, classes = 10, valid = 4;
  const auto logits = rough_values(n * classes, 3);
  const std::vector<uint8_t> labels = {3, 0, 9, 3, 200};
  const float scale = 1024.0f;
  const Outcome o = run(logits, classes, labels, {valid, scale});
  LossSums expected;
  for (uint32_t i = 0; i < n; ++i) {
    const float* x = logits.data() + i * classes;
    const auto largest = std::max_element(x, x + classes);
    float sum = 0.0f;
    for (uint32_t c = 0; c < classes; ++c) sum = sum + exp_f32(x[c] - *largest);
    const float factor = scale / static_cast<float>(valid);
    for (uint32_t c = 0; c < classes; ++c) {
      const float p = exp_f32(x[c] - *largest) / sum;
      const float error = i < valid ? (p - (c == labels[i] ? 1.0f : 0.0f)) * factor : 0.0f;
      REQUIRE(o.error[i * classes + c] == error);
    }
    if (i >= valid) continue;
    expected.loss_sum = expected.loss_sum + (log_f32(sum) - (x[labels[i]] - *largest));
    expected.correct += static_cast<uint32_t>(largest - x) == labels[i];
  }
  CHECK(o.sums == expected);
}

TEST_CASE("error and loss are those of mathematics to a few units in the last place") {
  const uint32_t n = 64, classes = 10;
  auto logits = rough_values(n * classes, 4);
  for (float& x : logits) x *= 12.0f;
  std::vector<uint8_t> labels;
  for (uint32_t i = 0; i < n; ++i) labels.push_back(static_cast<uint8_t>(i * 7 % classes));
  const Outcome o = run(logits, classes, labels, {n, 1.0f});
  double loss = 0.0;
  for (uint32_t i = 0; i < n; ++i) {
    double sum = 0.0;
    for (uint32_t c = 0; c < classes; ++c) sum += std::exp(static_cast<double>(logits[i * classes + c]));
    loss += std::log(sum) - static_cast<double>(logits[i * classes + labels[i]]);
    for (uint32_t c = 0; c < classes; ++c) {
      const double p = std::exp(static_cast<double>(logits[i * classes + c])) / sum;
      CHECK(std::fabs(o.error[i * classes + c] - (p - (c == labels[i])) / n) < 1e-6 / n);
    }
  }
  CHECK(std::fabs(o.sums.loss_sum - loss) < 1e-5 * loss);
}

TEST_CASE("tiles of images continue the loss and give the same bytes, and error may replace the logits") {
  const uint32_t n = 7, classes = 6, valid = 6;
  const auto logits = rough_values(n * classes, 5);
  const std::vector<uint8_t> labels = {0, 1, 2, 3, 4, 5, 0};
  const Outcome whole = run(logits, classes, labels, {valid, 3.0f});
  for (const uint32_t images : {1u, 2u, 3u, 5u}) {
    std::vector<float> values = logits;
    LossSums sums;
    VectorFacts facts;
    for (uint32_t n0 = 0; n0 < n; n0 += images) {
      const uint32_t some = std::min(images, n - n0);
      const Tile tile = dense_tile(values.data() + n0 * classes, n0, some, 0, classes, 0, 1, 1);
      facts += softmax_loss(tile, std::span(labels).subspan(n0, some), {valid, 3.0f}, tile, sums).facts;
    }
    CHECK(bytes_of(values) == bytes_of(whole.error));
    CHECK(sums == whole.sums);
    CHECK(facts == VectorFacts{.adds = 3 * 36 + 3 * 6,
                               .multiplies = 36,
                               .compares = 36,
                               .divides = 36,
                               .exponentials = 36,
                               .logarithms = 6});
  }
}

TEST_CASE("a label beyond the classes is named and nothing is written, and beyond the valid images it is ignored") {
  const std::vector<float> logits = {1, 2, 3, 4, 5, 6};
  const std::vector<uint8_t> labels = {1, 2, 7};
  std::vector<float> error(6, 55.0f);
  LossSums sums{1.5f, 3};
  const auto tile = dense_tile(logits.data(), 10, 3, 0, 2, 0, 1, 1);
  const auto out = dense_tile(error.data(), 10, 3, 0, 2, 0, 1, 1);
  const TileLoss bad = softmax_loss(tile, labels, {12, 1.0f}, out, sums);
  CHECK(bad.bad_label == 11u);
  CHECK(error == std::vector<float>(6, 55.0f));
  CHECK(sums == LossSums{1.5f, 3});
  CHECK_FALSE(softmax_loss(tile, labels, {11, 1.0f}, out, sums).bad_label);
  CHECK(error[2] == 0.0f);
  CHECK(error[5] == 0.0f);
  CHECK_FALSE(softmax_loss(tile, labels, {3, 1.0f}, out, sums).bad_label);  // a tile behind the valid images
  CHECK(error == std::vector<float>(6, 0.0f));
}

TEST_CASE("the first of equal logits is the answer, and far logits neither overflow nor lose the loss") {
  CHECK(run({2, 2, 1}, 3, {0}, {1, 1.0f}).sums.correct == 1);
  CHECK(run({2, 2, 1}, 3, {1}, {1, 1.0f}).sums.correct == 0);
  const Outcome far = run({1000.0f, -1000.0f}, 2, {1}, {1, 1.0f});
  CHECK(far.sums.loss_sum == 2000.0f);
  CHECK(far.error == std::vector<float>{1.0f, -1.0f});
  const Outcome sure = run({1000.0f, -1000.0f}, 2, {0}, {1, 1.0f});
  CHECK(bytes_of(sure.error) == std::vector<uint32_t>{0, 0});
}

TEST_CASE("a NaN or an infinite logit shows in errors and loss, with one byte pattern") {
  const float inf = std::numeric_limits<float>::infinity();
  for (const float bad : {std::bit_cast<float>(0xffc01234u), inf}) {
    const Outcome o = run({1.0f, bad, 2.0f}, 3, {0}, {1, 1.0f});
    CHECK(o.sums.correct == 0);
    CHECK(std::bit_cast<uint32_t>(o.error[1]) == 0x7fc00000u);
    CHECK_FALSE(std::isfinite(o.sums.loss_sum));
  }
}
