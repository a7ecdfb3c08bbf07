// A network as its author wrote it (configs/nets/*.yaml, docs/formats/net.md), with the shape of every layer worked
// out. This is the graph that the plan compiler lowers and that other descriptions (ONNX) are turned into.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"
#include "sw/net/image_shape.h"
#include "sw/net/layer.h"

namespace backboard {

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

/// What stands behind the logits.
enum class LossKind : uint8_t {
  softmax_ce,  ///< softmax with cross-entropy
  mse,         ///< mean over the classes of (logit - one-hot)^2
};

/// A directed graph of layers without cycles that ends in logits: a layer reads layers that stand above it, the last
/// layer is the output, and every other layer is read by some layer. Made from a file by load_network(), or by filling
/// `input` and `layers` and calling check().
struct Network {
  std::string name;
  NetInput input;
  LossKind loss = LossKind::softmax_ce;
  std::vector<NetLayer> layers;

  ImageShape input_shape() const { return {input.channels, input.rows, input.columns}; }
  uint32_t classes() const { return layers.back().out.c; }
  /// Numbers that gradients can change; running moments are none.
  uint64_t parameters() const;
  /// Of the forward pass of one image.
  uint64_t macs() const;
  /// Numbers of the layers that read layer `index`, or the images (kImages), in order; twice when it is read twice.
  std::vector<size_t> readers(int index) const;

  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the network");
    v("input", input, "Images");
    v("loss", loss, Choices<LossKind>{{"softmax_ce", LossKind::softmax_ce}, {"mse", LossKind::mse}},
      "Loss behind the logits: softmax with cross-entropy, or squared error against one-hot");
    v("layers", layers, Count{1, 1024}, "Layers from the input to the logits");
  }
  /// Names layers, finds the layers that they read, works out shapes. Throws ConfigRule naming the layer and key (what
  /// does not fit, what is missing, what the type does not have). Must have run before the derived members are read;
  /// may run again.
  void check();
};

/// Works out the shapes of one layer whose `ins` are known, and checks its keys. `index` is its number in the network.
/// @throws ConfigRule naming the key, as Network::check().
void check_layer(NetLayer& layer, size_t index);

/// Reads a network file.
/// @throws InputError with file:line.
Network load_network(const std::string& path);
/// The same from text; `file` is used in errors.
Network parse_network(const std::string& text, const std::string& file);

}  // namespace backboard
