// A network as its author wrote it (configs/nets/*.yaml, docs/formats/net.md), with the shape of every layer worked
// out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"
#include "sw/net/image_shape.h"

namespace backboard {

enum class LayerKind : uint8_t { conv, fc, relu, maxpool, avgpool, globalpool };

const char* name_of(LayerKind kind);

/// Longest layer name: a plan's tensor names are LAYER.SUFFIX of at most 23 characters.
inline constexpr size_t kLongestLayerName = 14;

/// One layer. Keys that its type does not have are errors when they are given.
struct NetLayer {
  LayerKind kind = LayerKind::conv;
  std::string name;                           ///< unique; empty in a file: type and number, as "conv2"
  uint32_t channels = 0;                      ///< conv, fc: outputs
  std::vector<uint32_t> kernel, stride, pad;  ///< one number or rows, columns
  bool bias = true;                           ///< conv, fc

  /// Worked out by Network::check(): two numbers each, and shapes.
  uint32_t kernel_h = 0, kernel_w = 0, stride_h = 1, stride_w = 1, pad_h = 0, pad_w = 0;
  ImageShape in, out;

  bool has_weights() const { return kind == LayerKind::conv || kind == LayerKind::fc; }
  bool has_window() const {
    return kind == LayerKind::conv || kind == LayerKind::maxpool || kind == LayerKind::avgpool;
  }
  /// Inputs that one output sums over: c * kh * kw, or c * h * w of an FC layer; 0 without weights.
  uint64_t fan_in() const;
  /// Weights, without biases.
  uint64_t weight_elements() const { return fan_in() * channels; }
  /// (k, c, kh, kw), or (k, c, 1, 1) of an FC layer, c counting all inputs.
  std::vector<uint64_t> weight_shape() const;
  /// Multiply-accumulates of the forward pass of one image, those with padding included.
  uint64_t macs() const;

  template <class V>
  void fields(V& v) {
    v("type", kind,
      Choices<LayerKind>{{"conv", LayerKind::conv},
                         {"fc", LayerKind::fc},
                         {"relu", LayerKind::relu},
                         {"maxpool", LayerKind::maxpool},
                         {"avgpool", LayerKind::avgpool},
                         {"globalpool", LayerKind::globalpool}},
      "Kind of layer");
    v("name", name, "Name in reports and weight files; absent: type and number");
    v("channels", channels, Range{0, 65535}, "Outputs of a convolution or FC layer");
    v("kernel", kernel, Each{Range{1, 255}, Count{0, 2}}, "Window: rows, columns, or one number for both");
    v("stride", stride, Each{Range{1, 255}, Count{0, 2}}, "Stride; absent: 1 (conv), the kernel (pooling)");
    v("pad", pad, Each{Range{0, 255}, Count{0, 2}}, "Zero padding on each side; absent: 0");
    v("bias", bias, "Whether a convolution or FC layer has a bias");
  }
};

/// Shape and scale of the images.
struct NetInput {
  uint32_t channels = 1, rows = 28, columns = 28;
  double scale = 1.0 / 255.0;  ///< value of one step of a u8 pixel

  template <class V>
  void fields(V& v) {
    v("channels", channels, Range{1, 65535}, "Channels of an image");
    v("rows", rows, Range{1, 4096}, "Rows of an image");
    v("columns", columns, Range{1, 4096}, "Columns of an image");
    v("scale", scale, Reals{0x1p-60, 0x1p60}, "What one step of a u8 pixel is worth");
  }
};

/// A chain of layers that ends in logits; softmax with cross-entropy is implied behind it.
struct Network {
  std::string name;
  NetInput input;
  std::vector<NetLayer> layers;

  ImageShape input_shape() const { return {input.channels, input.rows, input.columns}; }
  uint32_t classes() const { return layers.back().out.c; }
  uint64_t parameters() const;
  /// Of the forward pass of one image.
  uint64_t macs() const;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the network");
    v("input", input, "Images");
    v("layers", layers, Count{1, 1024}, "Layers from the input to the logits");
  }
  /// Names layers, works out shapes. Throws ConfigRule naming the layer and key (what does not fit, what is missing,
  /// what the type does not have). Must have run before the derived members are read.
  void check();
};

/// Reads a network file.
/// @throws InputError with file:line.
Network load_network(const std::string& path);
/// The same from text; `file` is used in errors.
Network parse_network(const std::string& text, const std::string& file);

}  // namespace backboard
