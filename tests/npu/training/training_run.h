// A network, its data, the independent trainer and a machine side by side: the same steps on both.
#pragma once

#include <cstdint>
#include <memory>
#include <vector>

#include "drivers/npu/npu_records.h"
#include "tests/npu/training/machine.h"
#include "tests/npu/training/training_program.h"
#include "tests/support/trainer.h"

namespace backboard::test {

inline constexpr float kLossScale = 1024.0f;
inline constexpr npu_hyper kHyper{0.01f, 0.9f, 1e-4f, 1.0f / kLossScale, kLossScale, 0, 0, 0};
inline constexpr ImageSize kDigit{1, 28, 28};

class TrainingRun {
 public:
  /// Initial weights and images come from fixed seeds. The prepare commands have run.
  TrainingRun(std::unique_ptr<Machine> machine, ImageSize image, std::vector<LayerSpec> layers,
              const ProgramOptions& options);

  Trainer& trainer() { return trainer_; }
  const TrainingProgram& program() const { return program_; }
  size_t layers() const { return trainer_.layers(); }

  /// One step on the machine, and the same on the trainer.
  void machine_step(uint32_t step);
  BatchLoss trainer_step(uint32_t step);

  /// Images of step `step`: in turn every image, in an order that is not that of the data set.
  std::vector<uint32_t> batch(uint32_t step) const;
  std::vector<uint8_t> labels(uint32_t step) const;
  /// The same images as numbers: byte * scale in binary32, as the format U8 says.
  std::vector<double> values(uint32_t step) const;

  /// Largest relative difference between machine and trainer over all parameter tensors.
  double difference() const;
  /// All parameters and momenta, for comparisons of bytes.
  std::vector<float> parameters() const;

 private:
  ImageSize size_;
  ProgramOptions options_;
  std::unique_ptr<Machine> machine_;
  Trainer trainer_;
  TrainingProgram program_;
  std::vector<uint8_t> pixels_, labels_;  ///< of the data set
};

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b);

/// Gradients of the program's first step (options without fuse_update) against central differences of the trainer's
/// loss, for up to 16 parameters of each tensor: the largest difference over the tensor's largest gradient.
double gradient_difference(TrainingRun& run, uint32_t batch);

/// Networks that have every kind of layer, uneven windows and odd sizes; for images (2, 13, 11).
std::vector<std::vector<LayerSpec>> uneven_networks();

}  // namespace backboard::test
