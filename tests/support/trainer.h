// An independent trainer in double precision, written from the mathematics with plain loops, to hold the NPU's results
// against. It shares no code with the NPU and cares for neither speed nor order of sums.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace backboard::test {

/// Channels, rows and columns of one image.
struct ImageSize {
  size_t c = 1, h = 1, w = 1;
  size_t elements() const { return c * h * w; }
};

enum class LayerKind {
  convolution,      ///< (k, c, kh, kw) weights; dilation 1
  fully_connected,  ///< (k, c*h*w) weights; flattens its input in the order (c, h, w)
  relu,
  max_pool,      ///< ties: first in (kh, kw); padding is left out
  average_pool,  ///< padding counts as zero and in the divisor
  global_pool,   ///< mean over (h, w)
};

/// One layer. Members that a kind does not use are ignored.
struct LayerSpec {
  LayerKind kind = LayerKind::relu;
  size_t outputs = 0;                 ///< convolution, fully connected: k
  size_t kernel_h = 1, kernel_w = 1;  ///< convolution, max and average pooling
  size_t stride_h = 1, stride_w = 1;
  size_t pad_h = 0, pad_w = 0;
  bool bias = true;

  static LayerSpec conv(size_t outputs, size_t kernel, size_t stride, size_t pad);
  static LayerSpec fc(size_t outputs);
  static LayerSpec pool(LayerKind kind, size_t kernel, size_t stride, size_t pad = 0);
};

/// Parameters of one layer, or their gradients, or their momenta; empty where the layer has none.
struct LayerParameters {
  std::vector<double> weights;
  std::vector<double> bias;
};

struct SgdOptions {
  double learning_rate = 0.01;
  double momentum = 0.0;      ///< v = momentum * v + g; w -= learning_rate * v
  double weight_decay = 0.0;  ///< g += weight_decay * w, for weights and biases
};

/// What a pass over a batch found.
struct BatchLoss {
  double loss_sum = 0.0;  ///< sum over the images of -log p(label)
  size_t correct = 0;     ///< images whose largest logit (first of equals) is the label
};

/// A network that ends in logits, trained with softmax and cross-entropy, mean over the batch.
class Trainer {
 public:
  /// Weights and biases are zero. Throws std::invalid_argument when a window does not fit its input.
  Trainer(ImageSize input, std::vector<LayerSpec> layers);

  size_t layers() const { return specs_.size(); }
  size_t classes() const { return sizes_.back().elements(); }
  /// Size of an image before layer `index`; of the logits for index = layers().
  ImageSize size_before(size_t index) const { return sizes_[index]; }
  LayerParameters& parameters(size_t layer) { return parameters_[layer]; }
  const LayerParameters& parameters(size_t layer) const { return parameters_[layer]; }
  const LayerParameters& momenta(size_t layer) const { return momenta_[layer]; }

  /// Forward pass over images (n, c, h, w); the number of images is that of the labels.
  BatchLoss evaluate(std::span<const double> images, std::span<const uint8_t> labels);
  /// Forward and backward pass: gradients of the mean loss with respect to every parameter.
  BatchLoss gradients(std::span<const double> images, std::span<const uint8_t> labels,
                      std::vector<LayerParameters>& result);
  /// One step of SGD; layers for which `trained` is false keep their parameters (empty: all are trained).
  BatchLoss step(std::span<const double> images, std::span<const uint8_t> labels, const SgdOptions& options,
                 const std::vector<bool>& trained = {});
  /// Logits (n, classes) of the last pass.
  const std::vector<double>& logits() const { return activations_.back(); }
  /// Input of layer `index` in the last pass, (n, c, h, w).
  const std::vector<double>& activation(size_t index) const { return activations_[index]; }

 private:
  void forward(size_t layer, size_t images);
  void backward(size_t layer, size_t images, std::vector<double>& error, LayerParameters& gradient) const;
  BatchLoss loss(std::span<const uint8_t> labels, std::vector<double>& error) const;

  std::vector<LayerSpec> specs_;
  std::vector<ImageSize> sizes_;  ///< one more than layers
  std::vector<LayerParameters> parameters_;
  std::vector<LayerParameters> momenta_;
  std::vector<std::vector<double>> activations_;  ///< one more than layers
};

/// Net S of the project (channels 8-16-32 on `input`, FC 64, `classes`): three times convolution 3x3 with padding 1,
/// ReLU, max pooling 2; then FC, ReLU, FC.
std::vector<LayerSpec> net_s(size_t classes = 10);

/// Largest difference over largest magnitude of `expected`; 0 when both are all zero.
double relative_difference(std::span<const double> expected, std::span<const float> actual);

}  // namespace backboard::test
