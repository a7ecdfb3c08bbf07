// An independent trainer of networks that are graphs, in double precision, written from the mathematics with plain
// loops. It shares no code with the NPU or the compiler, and cares for neither speed nor order of sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

namespace backboard::test {

/// A batch of maps (n, c, h, w).
struct Maps {
  size_t n = 0, c = 0, h = 0, w = 0;
  std::vector<double> v;
  Maps() = default;
  Maps(size_t n_, size_t c_, size_t h_, size_t w_) : n(n_), c(c_), h(h_), w(w_), v(n_ * c_ * h_ * w_, 0.0) {}
  double& at(size_t i, size_t k, size_t y, size_t x) { return v[((i * c + k) * h + y) * w + x]; }
  double at(size_t i, size_t k, size_t y, size_t x) const { return v[((i * c + k) * h + y) * w + x]; }
};

/// One node; members that an operation does not use are ignored. `op` is one of conv, fc, batchnorm, relu, relu6,
/// leakyrelu, sigmoid, tanh, gelu, maxpool, avgpool, globalpool, add, concat, dropout (a fixed mask), upsample.
struct GraphOp {
  std::string op, name;
  std::vector<int> sources;  ///< -1: the images
  size_t outputs = 0, kh = 1, kw = 1, sh = 1, sw = 1, ph = 0, pw = 0, dh = 1, dw = 1, groups = 1;
  size_t ph_end = 0, pw_end = 0;  ///< conv: padding below and right; ph and pw are above and left
  bool ceil = false;              ///< maxpool, avgpool: a last window that is cut off counts
  bool count_pad = true;          ///< avgpool: padding counts in the divisor
  bool bias = true;
  double epsilon = 1e-5, momentum = 0.1, slope = 0.01;
  bool batch_moments = true;  ///< batchnorm: while training
  std::vector<double> keep;   ///< dropout: factor of each element of the batch
};

struct GraphStep {
  double learning_rate = 0.01, momentum = 0.0, weight_decay = 0.0;
  bool nesterov = false;
};

class GraphTrainer {
 public:
  using Arrays = std::map<std::string, std::vector<double>>;

  GraphTrainer(std::vector<GraphOp> ops, bool squared_loss) : ops_(std::move(ops)), squared_(squared_loss) {}

  Arrays parameters;  ///< "NAME.weight", "NAME.bias", "NAME.mean", "NAME.variance"
  Arrays velocity;
  /// Which parameters a step changes; absent: all.
  std::function<bool(const std::string&)> trains = [](const std::string&) { return true; };

  /// Forward pass; the sum of the losses of the images. Running moments move only when `move`.
  double forward(const Maps& images, const std::vector<uint16_t>& labels, bool training, bool move = false);
  /// Gradients of the mean loss with respect to all parameters, after forward(training).
  Arrays gradients(const std::vector<uint16_t>& labels);
  /// One step of SGD; the sum of the losses before it.
  double step(const Maps& images, const std::vector<uint16_t>& labels, const GraphStep& options);

  const Maps& output(size_t op) const { return y_[op]; }
  /// Error of the output of an op in the last gradients().
  const Maps& error(size_t op) const { return dy_[op]; }
  /// Gradient with respect to the images in the last gradients().
  const Maps& image_error() const { return dx_; }
  std::vector<GraphOp>& ops() { return ops_; }

 private:
  const Maps& source(int i) const { return i < 0 ? images_ : y_[i]; }
  Maps& source_error(int i) { return i < 0 ? dx_ : dy_[i]; }
  void op_forward(size_t i, bool training, bool move);
  void op_backward(size_t i, Arrays& gradients);

  std::vector<GraphOp> ops_;
  bool squared_;
  Maps images_, dx_;
  std::vector<Maps> y_, dy_;
  std::map<size_t, std::vector<double>> mean_, variance_;
  std::map<size_t, std::vector<size_t>> places_;  ///< maxpool: which input each output took
};

}  // namespace backboard::test
