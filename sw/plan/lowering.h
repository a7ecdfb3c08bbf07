// The state of a network on its way to commands. Only the files of lower.h's implementation include this.
#pragma once

#include <array>
#include <map>
#include <vector>

#include "npu/engine/offer.h"
#include "sw/net/network.h"
#include "sw/plan/draft.h"
#include "sw/plan/formats.h"
#include "sw/plan/graph.h"
#include "sw/plan/options.h"
#include "sw/plan/tensors.h"

namespace backboard {

/// Tensors of a node.
struct NodeTensors {
  std::vector<int> x;  ///< as it reads its sources: flat for an FC layer
  int y = kNoTensor;
  int index = kNoTensor;  ///< maxpool: places of the maxima
  LayerParameters parameters;
  NormParameters norm;
  int kept = kNoTensor;  ///< sparse: the channels of x that WG will read
};

/// The error of a node's output on its way down.
struct Error {
  int tensor = kNoTensor;
  bool masked = false;  ///< zero wherever ReLU, as mask_of says, let nothing through
};

constexpr unsigned flag_if(bool condition, npu::CommandFlag flag) {
  return condition ? unsigned{flag} : 0u;
}

class Lowering {
 public:
  Lowering(const Network& network, const PlanOptions& options, const npu::Offer& offer);
  Draft run();

 private:
  using Operands = std::array<int, npu::kOperands>;

  void make_tensors();
  void make_layers();
  void prepare();
  void forward(plan_program_kind program);
  void forward_node(plan_program_kind program, size_t i);
  void forward_norm(plan_program_kind program, size_t i);
  void backward();
  /// In the backward pass: computes the output again that `tensor` is, unless it is there.
  void restore(int tensor);
  void node_backward(size_t i);
  Error gather_error(size_t i);
  void send_errors(size_t i, const Error& error);
  void send_error(size_t i, size_t input, const Error& error);
  void gradients(size_t i, int dy);
  void norm_gradients(size_t i, int dy);
  /// Encodes the copy of a weight of which an update changed a part.
  void renew_copy(plan_program_kind program, const Parameter& parameter, size_t i);
  /// The first channels of a tensor as a tensor of its own.
  int first_channels(size_t i, int tensor, const char* suffix, Phase phase);
  void update();
  /// Emits the update of a tensor by its gradient, as the optimiser says.
  void emit_update(plan_program_kind program, size_t i, const Parameter& parameter);
  void measure_norms();
  void mark_outputs();
  void set_tiles();

  /// The tensor that node `i` leaves for its readers in a program: a dropout evaluates to its input.
  int output_of(plan_program_kind program, int i) const;
  /// What node `i` reads in a program.
  int input_of(plan_program_kind program, size_t i, size_t input);
  /// The tensor above zero where the ReLU of node `i` let its value through; none without a ReLU.
  int mask_of(size_t i) const;
  bool mask_clips(size_t i) const;
  /// A new tensor for the error of node `i`'s output; names count up. `group`: of the convolution that stores it.
  int new_error(size_t i, uint32_t group = 0);
  bool feeds_fc(int i) const;
  /// Operand for a command that masks what it stores by the ReLU of node `source`; kNoTensor when it should not.
  int write_back_mask(int source) const;

  uint16_t number_of(size_t i) const { return static_cast<uint16_t>(i); }
  uint16_t loss_layer() const { return static_cast<uint16_t>(graph_.size()); }
  DraftCommand& emit(plan_program_kind program, npu::Opcode opcode, Phase phase, uint16_t layer,
                     const Operands& tensors, unsigned flags = 0);
  void set_geometry(DraftCommand& command, const NetLayer& layer);

  const Network& network_;
  const PlanOptions& options_;
  const npu::Offer& offer_;
  Draft draft_;
  ResolvedFormats formats_;
  TensorTable tensors_;
  Graph graph_;
  std::vector<NodeTensors> nodes_;
  int input_ = kNoTensor;
  int logits_error_ = kNoTensor;
  std::vector<std::vector<Error>> errors_;  ///< what readers sent, by node
  std::vector<uint32_t> error_count_;
  std::vector<bool> has_bp_;
  std::vector<bool> forgotten_;  ///< nodes whose outputs must be computed again before the backward pass can read them
  std::map<int, size_t> maker_of_;  ///< node by output, pooling index
  bool backward_ = false;           ///< the forward pass of the training step is complete
};

}  // namespace backboard
