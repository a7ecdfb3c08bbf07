// A training step written as NPU commands by hand: descriptors, records and commands in flat memory, from the same
// list of layers that the trainer takes.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "drivers/npu/npu_records.h"
#include "npu/command/job.h"
#include "tests/support/trainer.h"

namespace backboard::test {

/// How tensors are stored and commands are put together.
struct ProgramOptions {
  uint32_t batch = 4;
  uint32_t images = 80;  ///< of the data set
  float pixel_scale = 1.0f / 255.0f;
  npu::TensorFormat activation = npu::TensorFormat::kFP32;  ///< and the encoded input
  npu::TensorFormat error = npu::TensorFormat::kFP32;
  npu::TensorFormat weight = npu::TensorFormat::kFP32;  ///< operands of the multipliers; FP32: the master itself
  npu::TensorFormat master = npu::TensorFormat::kFP32;  ///< FP32 or FP16; biases are FP32 always
  float activation_threshold = 0.0f;                    ///< FGMP
  float error_threshold = 0.0f;
  float weight_threshold = 0.0f;
  bool fuse_elementwise = true;  ///< bias, ReLU and masks at write-back instead of commands of their own
  bool fuse_update = true;       ///< UPDATE at the end of WG instead of a gradient in memory and SGD
  bool momentum = false;
  /// Tile sizes, cut to the size of each tensor; 0: the NPU chooses.
  uint16_t tile_k = 0, tile_rows = 0, tile_c = 0, tile_n = 0;
};

/// Lays the tensors of a network out in `memory` and writes its commands. All addresses are absolute.
class TrainingProgram {
 public:
  /// `memory` lies at address `base`; the program uses it from the start and aborts the test when it is too small.
  TrainingProgram(std::span<uint8_t> memory, uint32_t base, ImageSize input, std::vector<LayerSpec> layers,
                  const ProgramOptions& options);

  /// Commands that encode the master weights into the multipliers' format; empty when they are the same.
  const std::vector<npu::Command>& prepare() const { return prepare_; }
  /// Commands of one step: gather, forward, loss, backward, update.
  const std::vector<npu::Command>& step() const { return step_; }
  /// Bytes of memory in use, from `base` on.
  uint32_t used_bytes() const { return used_; }
  /// Memory behind the tensors, 64-byte aligned, for a ring, say. @return its absolute address
  uint32_t allocate(uint64_t bytes, uint32_t alignment = 64);

  void set_images(std::span<const uint8_t> pixels);
  /// The images and labels of the next step; as many as the batch.
  void set_batch(std::span<const uint32_t> images, std::span<const uint8_t> labels);
  void set_hyper(const npu_hyper& hyper);
  /// Takes the trainer's parameters, rounded to binary32 (FP16 for such masters), and gives the trainer the rounded
  /// ones; clears the momenta.
  void set_parameters(Trainer& trainer);

  npu_loss_record loss() const;
  std::vector<float> weights(size_t layer) const { return read(parameters_[layer].weights); }
  std::vector<float> bias(size_t layer) const { return read(parameters_[layer].bias); }
  std::vector<float> weight_momentum(size_t layer) const { return read(parameters_[layer].weight_momentum); }
  std::vector<float> bias_momentum(size_t layer) const { return read(parameters_[layer].bias_momentum); }
  /// Gradients of the last step, times the loss scale; without fuse_update only.
  std::vector<float> weight_gradient(size_t layer) const { return read(parameters_[layer].weight_gradient); }
  std::vector<float> bias_gradient(size_t layer) const { return read(parameters_[layer].bias_gradient); }

 private:
  /// A tensor: its descriptor and where that lies.
  struct Place {
    npu::Descriptor descriptor;
    uint32_t address = 0;
  };
  using Shape = npu::TensorShape;
  struct Parameters {
    std::optional<Place> weights, operand, weight_gradient, weight_momentum;  ///< operand: in the multipliers' format
    std::optional<Place> bias, bias_gradient, bias_momentum;
  };
  /// Layers that one forward command covers, and what it made.
  struct Stage {
    size_t layer = 0;
    bool relu = false;  ///< at write-back
    Place input, output;
    std::optional<Place> index;
  };

  uint8_t* at(uint32_t address) const;
  Place place(Shape shape, npu::TensorFormat format, TensorClass tensor_class, float threshold = 0.0f);
  Place flat(const Place& tensor);
  Place like(const Place& tensor);
  std::vector<float> read(const std::optional<Place>& tensor) const;
  void write(const Place& tensor, std::span<const double> values) const;

  npu::Command command(npu::Opcode opcode, Phase phase, size_t layer) const;
  void window(npu::Command& command, const LayerSpec& spec) const;
  void tiles(npu::Command& command, const Place& rows_of, uint32_t k, uint32_t c) const;
  void make_parameters();
  Place forward();
  Stage forward_stage(size_t layer, const Place& input);
  void loss_command(const Place& logits, const Place& error);
  void backward(Place error);
  Place backward_stage(const Stage& stage, const Place& error, const Stage* before);
  Place backward_layer(const Stage& stage, const Place& error, const Stage& before);
  Place backward_pool(const Stage& stage, const Place& error, const Stage& before);
  void gradients(const Stage& stage, const Place& error);
  void update(npu::Command wg, const Place& weights, const std::optional<Place>& momentum,
              const std::optional<Place>& copy, const std::optional<Place>& gradient);

  std::span<uint8_t> memory_;
  uint32_t base_;
  uint32_t used_ = 0;
  ProgramOptions options_;
  std::vector<LayerSpec> layers_;
  std::vector<ImageSize> sizes_;
  std::vector<Parameters> parameters_;
  std::vector<Stage> stages_;
  Place pixels_, labels_;
  uint32_t gather_ = 0, hyper_ = 0, loss_ = 0;
  std::vector<npu::Command> prepare_, step_;
};

}  // namespace backboard::test
