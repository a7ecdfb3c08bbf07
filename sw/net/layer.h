// A layer of a network: what its author wrote, and the shapes that follow from it.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"
#include "sw/net/image_shape.h"

namespace backboard {

enum class LayerKind : uint8_t {
  conv,
  fc,
  batchnorm,
  relu,
  relu6,
  leakyrelu,
  sigmoid,
  tanh,
  gelu,
  maxpool,
  avgpool,
  globalpool,
  add,
  concat,
  dropout,
  upsample,
};

/// Keys of a layer that not every kind has.
enum LayerKey : uint16_t {
  kKeyChannels = 1 << 0,
  kKeyWindow = 1 << 1,  ///< kernel, stride, pad
  kKeyGroups = 1 << 2,  ///< groups, dilation
  kKeyBias = 1 << 3,
  kKeyNorm = 1 << 4,  ///< epsilon, momentum, affine, moments
  kKeySlope = 1 << 5,
  kKeyRate = 1 << 6,
  kKeyKernel = 1 << 7,  ///< kernel alone
  kKeyCeil = 1 << 8,
  kKeyCountPad = 1 << 9,
};

/// One kind of layer: the only place that lists names, keys and numbers of inputs.
struct LayerKindRow {
  LayerKind kind;
  const char* name;
  uint16_t keys;          ///< LayerKey bits
  uint8_t fewest_inputs;  ///< layers that it reads
  uint8_t most_inputs;
  const char* meaning;
};
inline constexpr LayerKindRow kLayerKinds[] = {
    {LayerKind::conv, "conv", kKeyChannels | kKeyWindow | kKeyGroups | kKeyBias, 1, 1, "Convolution"},
    {LayerKind::fc, "fc", kKeyChannels | kKeyBias, 1, 1, "Fully connected; reads its input flat, (c, h, w)"},
    {LayerKind::batchnorm, "batchnorm", kKeyNorm, 1, 1, "Batch normalisation over (n, h, w)"},
    {LayerKind::relu, "relu", 0, 1, 1, "max(x, 0)"},
    {LayerKind::relu6, "relu6", 0, 1, 1, "min(max(x, 0), 6)"},
    {LayerKind::leakyrelu, "leakyrelu", kKeySlope, 1, 1, "x, or slope * x below zero"},
    {LayerKind::sigmoid, "sigmoid", 0, 1, 1, "1 / (1 + exp(-x))"},
    {LayerKind::tanh, "tanh", 0, 1, 1, "Hyperbolic tangent"},
    {LayerKind::gelu, "gelu", 0, 1, 1, "x * (1 + erf(x / sqrt(2))) / 2"},
    {LayerKind::maxpool, "maxpool", kKeyWindow | kKeyCeil, 1, 1, "Maximum over windows; padding is left out"},
    {LayerKind::avgpool, "avgpool", kKeyWindow | kKeyCeil | kKeyCountPad, 1, 1, "Mean over windows; padding is zero"},
    {LayerKind::globalpool, "globalpool", 0, 1, 1, "Mean over (h, w)"},
    {LayerKind::add, "add", 0, 2, 2, "Sum of two inputs of one shape"},
    {LayerKind::concat, "concat", 0, 2, 2, "Channels of the first input, then those of the second"},
    {LayerKind::dropout, "dropout", kKeyRate, 1, 1, "While training: zero with probability rate, else x / (1 - rate)"},
    {LayerKind::upsample, "upsample", kKeyKernel, 1, 1, "Every element kernel_h x kernel_w times (nearest neighbour)"},
};
const LayerKindRow& row_of(LayerKind kind);
const char* name_of(LayerKind kind);

/// Longest layer name: a plan's tensor names are LAYER.SUFFIX of at most 23 characters.
inline constexpr size_t kLongestLayerName = 14;
/// The name by which layers read the images, and the source that stands for it.
inline constexpr const char* kImagesName = "input";
inline constexpr int kImages = -1;

/// Moments that a batch normalisation trains with: those of its batch, or always the running ones, as inference.
enum class Moments : uint8_t { batch, running };

/// An array of numbers that belongs to a layer: "LAYER.suffix" in weight files.
struct LayerArray {
  const char* suffix;           ///< weight, bias; mean and variance of a batch normalisation
  std::vector<uint64_t> shape;  ///< (k, c, kh, kw) of conv, (k, c, 1, 1) of fc weights; (k) of all others
  bool trains;                  ///< changed by gradients; mean and variance follow the batches instead
};

/// One layer. Keys that its type does not have are errors when they are given.
struct NetLayer {
  LayerKind kind = LayerKind::conv;
  std::string name;                      ///< unique; empty in a file: type and number, as "conv2"
  std::vector<std::string> inputs;       ///< names of layers above, or "input"; empty: the layer above
  uint32_t channels = 0;                 ///< conv, fc: outputs
  std::vector<uint32_t> kernel, stride;  ///< one number or rows, columns
  std::vector<uint32_t> pad;             ///< one number, rows, columns, or (conv) top, left, bottom, right
  std::vector<uint32_t> dilation;        ///< conv: as kernel
  uint32_t groups = 1;                   ///< conv
  bool bias = true;                      ///< conv, fc
  bool ceil = false;                     ///< pooling: windows that the end of the input cuts off, too
  bool count_include_pad = true;         ///< avgpool: whether padding counts in the divisor
  double epsilon = 1e-5;                 ///< batchnorm: added to the variance
  double momentum = 0.1;                 ///< batchnorm: running = (1 - momentum) running + momentum of the batch
  bool affine = true;                    ///< batchnorm: whether gamma and beta may train
  Moments moments = Moments::batch;      ///< batchnorm
  double slope = 0.01;                   ///< leakyrelu
  double rate = 0.5;                     ///< dropout
  bool lite = false;                     ///< no key: added by the policy lite-residual

  /// Worked out by Network::check(): two numbers each, and shapes. `sources` holds numbers of layers, all below that of
  /// this one, or kImages; `in` is the shape of the first, `ins` of all.
  uint32_t kernel_h = 0, kernel_w = 0, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0, dilation_h = 1, dilation_w = 1;
  int32_t pad_more_h = 0, pad_more_w = 0;  ///< padding below beyond pad_h, right beyond pad_w; conv: may be uneven
  std::vector<int> sources;
  std::vector<ImageShape> ins;
  ImageShape in, out;

  bool has_key(LayerKey key) const { return (row_of(kind).keys & key) != 0; }
  /// Whether the layer multiplies by weights: conv and fc.
  bool has_weights() const { return kind == LayerKind::conv || kind == LayerKind::fc; }
  /// Whether the layer slides a window: conv, maxpool, avgpool.
  bool has_window() const { return has_key(kKeyWindow); }
  /// Whether the layer is the mean over a whole map: globalpool, or an avgpool whose one window is the map.
  bool pools_whole_map() const;
  /// Inputs that one output sums over: c / groups * kh * kw, or c * h * w of an FC layer; 0 without weights.
  uint64_t fan_in() const;
  /// Weights, without biases.
  uint64_t weight_elements() const { return has_weights() ? fan_in() * channels : 0; }
  /// (k, c / groups, kh, kw), or (k, c, 1, 1) of an FC layer, c counting all inputs.
  std::vector<uint64_t> weight_shape() const;
  /// Everything that a weight file holds for this layer, in order.
  std::vector<LayerArray> arrays() const;
  /// Multiply-accumulates of the forward pass of one image, those with padding included.
  uint64_t macs() const;

  template <class V>
  void fields(V& v) {
    v("type", kind, layer_kind_choices(), "Kind of layer");
    v("name", name, "Name in reports and weight files; absent: type and number");
    v("inputs", inputs, Each{Text{}, Count{0, 2}}, "Layers that it reads, or `input`; absent: the layer above");
    v("channels", channels, Range{0, 65535}, "Outputs of a convolution or FC layer");
    v("kernel", kernel, Each{Range{1, 255}, Count{0, 2}}, "Window: rows, columns, or one number for both");
    v("stride", stride, Each{Range{1, 255}, Count{0, 2}}, "Stride; absent: 1 (conv), the kernel (pooling)");
    v("pad", pad, Each{Range{0, 255}, Count{0, 4}},
      "Zero padding: one number, rows and columns, or of a convolution top, left, bottom, right; absent: 0");
    v("ceil", ceil, "Pooling: windows that the end of the input cuts off count, too");
    v("count_include_pad", count_include_pad, "Average pooling: whether padding counts in the divisor");
    v("dilation", dilation, Each{Range{1, 255}, Count{0, 2}}, "Distance between taps of a convolution; absent: 1");
    v("groups", groups, Range{1, 65535}, "Groups of a convolution; as many as channels: depthwise");
    v("bias", bias, "Whether a convolution or FC layer has a bias");
    v("epsilon", epsilon, Reals{1e-12, 1.0}, "Batch normalisation: added to the variance");
    v("momentum", momentum, Reals{0.0, 1.0}, "Batch normalisation: share of a batch in the running moments");
    v("affine", affine, "Batch normalisation: whether gamma and beta may train; off: they stay, under every policy");
    v("moments", moments, Choices<Moments>{{"batch", Moments::batch}, {"running", Moments::running}},
      "Batch normalisation: moments to train with, of the batch where the policy trains gamma, or always the running "
      "ones");
    v("slope", slope, Reals{0.0, 1.0}, "Leaky ReLU: factor below zero");
    v("rate", rate, Reals{0.0, 0.95}, "Dropout: probability of a zero");
  }

 private:
  static Choices<LayerKind> layer_kind_choices() {
    Choices<LayerKind> choices({});
    for (const LayerKindRow& row : kLayerKinds) choices.names.emplace_back(row.name, row.kind);
    return choices;
  }
};

}  // namespace backboard
