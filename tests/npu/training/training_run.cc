#include "tests/npu/training/training_run.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

namespace backboard::test {
namespace {

void initialise(Trainer& trainer, unsigned seed) {
  std::mt19937 random(seed);
  const auto draw = [&] { return static_cast<double>(random()) / 2147483648.0 - 1.0; };
  for (size_t layer = 0; layer < trainer.layers(); ++layer) {
    LayerParameters& p = trainer.parameters(layer);
    const auto outputs = static_cast<double>(trainer.size_before(layer + 1).c);
    const double range = std::sqrt(6.0 * outputs / static_cast<double>(std::max<size_t>(p.weights.size(), 1)));
    for (double& w : p.weights) w = range * draw();
    for (double& b : p.bias) b = 0.1 * draw();
  }
}

}  // namespace

TrainingRun::TrainingRun(std::unique_ptr<Machine> machine, ImageSize image, std::vector<LayerSpec> layers,
                         const ProgramOptions& options)
    : size_(image),
      options_(options),
      machine_(std::move(machine)),
      trainer_(image, layers),
      program_(machine_->memory(), Machine::kBase, image, layers, options) {
  // Images that a network can learn: a bright bar whose place tells the class, over noise.
  std::mt19937 random(5);
  const size_t classes = trainer_.classes();
  for (uint32_t i = 0; i < options.images; ++i) {
    const size_t label = random() % classes;
    labels_.push_back(static_cast<uint8_t>(label));
    for (size_t p = 0; p < size_.elements(); ++p) {
      const bool bar = p % size_.w * classes / size_.w == label;
      pixels_.push_back(static_cast<uint8_t>(random() % 60 + (bar ? 150 : 0)));
    }
  }
  initialise(trainer_, 17);
  program_.set_images(pixels_);
  program_.set_parameters(trainer_);
  program_.set_hyper(kHyper);
  machine_->run(program_.prepare());
}

void TrainingRun::machine_step(uint32_t step) {
  program_.set_batch(batch(step), labels(step));
  machine_->run(program_.step());
}

BatchLoss TrainingRun::trainer_step(uint32_t step) {
  const SgdOptions sgd{static_cast<double>(kHyper.learning_rate),
                       options_.momentum ? static_cast<double>(kHyper.momentum) : 0.0,
                       static_cast<double>(kHyper.weight_decay)};
  return trainer_.step(values(step), labels(step), sgd);
}

std::vector<uint32_t> TrainingRun::batch(uint32_t step) const {
  std::vector<uint32_t> images;
  for (uint32_t i = 0; i < options_.batch; ++i) images.push_back((step * options_.batch + i) * 7 % options_.images);
  return images;
}

std::vector<uint8_t> TrainingRun::labels(uint32_t step) const {
  std::vector<uint8_t> result;
  for (const uint32_t i : batch(step)) result.push_back(labels_[i]);
  return result;
}

std::vector<double> TrainingRun::values(uint32_t step) const {
  std::vector<double> result;
  for (const uint32_t i : batch(step))
    for (size_t p = 0; p < size_.elements(); ++p) {
      const float pixel = static_cast<float>(pixels_[i * size_.elements() + p]) * options_.pixel_scale;
      result.push_back(static_cast<double>(pixel));
    }
  return result;
}

double TrainingRun::difference() const {
  double largest = 0.0;
  for (size_t layer = 0; layer < trainer_.layers(); ++layer) {
    const LayerParameters& expected = trainer_.parameters(layer);
    largest = std::max(largest, relative_difference(expected.weights, program_.weights(layer)));
    largest = std::max(largest, relative_difference(expected.bias, program_.bias(layer)));
  }
  return largest;
}

std::vector<float> TrainingRun::parameters() const {
  std::vector<float> all;
  for (size_t layer = 0; layer < trainer_.layers(); ++layer)
    for (const auto& tensor : {program_.weights(layer), program_.bias(layer), program_.weight_momentum(layer),
                               program_.bias_momentum(layer)})
      all.insert(all.end(), tensor.begin(), tensor.end());
  return all;
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

double gradient_difference(TrainingRun& run, uint32_t batch) {
  run.machine_step(0);
  const auto images = run.values(0);
  const auto labels = run.labels(0);
  const auto tensor = [&](std::vector<double>& parameters, const std::vector<float>& gradient) {
    if (gradient.size() != parameters.size()) return std::numeric_limits<double>::infinity();
    double error = 0.0, largest = 0.0;
    const size_t stride = parameters.size() / 16 + 1;
    for (size_t i = 0; i < parameters.size(); i += stride) {
      const double kept = parameters[i], h = 1e-5;
      parameters[i] = kept + h;
      const double above = run.trainer().evaluate(images, labels).loss_sum;
      parameters[i] = kept - h;
      const double below = run.trainer().evaluate(images, labels).loss_sum;
      parameters[i] = kept;
      const double expected = (above - below) / (2 * h) / batch;
      error = std::max(error, std::fabs(expected - static_cast<double>(gradient[i]) / static_cast<double>(kLossScale)));
      largest = std::max(largest, std::fabs(expected));
    }
    return error / largest;
  };
  // The machine updated its parameters; those of the trainer are still the ones that the gradients belong to.
  double largest = 0.0;
  for (size_t layer = 0; layer < run.layers(); ++layer) {
    LayerParameters& p = run.trainer().parameters(layer);
    if (p.weights.empty()) continue;
    largest = std::max(largest, tensor(p.weights, run.program().weight_gradient(layer)));
    largest = std::max(largest, tensor(p.bias, run.program().bias_gradient(layer)));
  }
  return largest;
}

std::vector<std::vector<LayerSpec>> uneven_networks() {
  LayerSpec uneven = LayerSpec::conv(5, 3, 2, 1);
  uneven.kernel_w = 2;
  uneven.pad_w = 0;
  uneven.stride_w = 1;
  const LayerSpec relu{};
  return {{uneven, relu, LayerSpec::pool(LayerKind::max_pool, 3, 2, 1), LayerSpec::conv(7, 3, 1, 1), relu,
           LayerSpec::pool(LayerKind::global_pool, 1, 1), LayerSpec::fc(4)},
          {LayerSpec::conv(6, 5, 1, 2), relu, LayerSpec::pool(LayerKind::average_pool, 3, 2, 1),
           LayerSpec::conv(3, 1, 2, 0), relu, LayerSpec::fc(9), relu, LayerSpec::fc(5)}};
}

}  // namespace backboard::test
