// A network as its author wrote it (NET.yaml), with the shape of every layer worked out.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace backboard {

/// Shape of one image: channels, rows, columns.
struct ImageShape {
  uint32_t c = 0, h = 0, w = 0;
  uint64_t elements() const { return uint64_t{c} * h * w; }
  bool operator==(const ImageShape&) const = default;
};

enum class LayerKind : uint8_t { conv, fc, relu, maxpool, avgpool, globalpool };

const char* name_of(LayerKind kind);

/// One layer. `in` and `out` follow from the layers before it.
struct NetLayer {
  LayerKind kind = LayerKind::conv;
  std::string name;       ///< unique in the network
  unsigned line = 0;      ///< in the file, for errors
  uint32_t channels = 0;  ///< conv, fc: outputs
  uint32_t kernel_h = 0, kernel_w = 0;
  uint32_t stride_h = 1, stride_w = 1;
  uint32_t pad_h = 0, pad_w = 0;
  bool bias = true;  ///< conv, fc
  ImageShape in, out;

  bool has_weights() const { return kind == LayerKind::conv || kind == LayerKind::fc; }
  /// Weights (k, c, kh, kw); 0 for layers without.
  uint64_t weight_elements() const;
  /// Multiply-accumulates of the forward pass of one image, those with padding included.
  uint64_t macs() const;
};

/// A chain of layers that ends in logits; softmax with cross-entropy is implied behind it.
struct Network {
  std::string name;
  std::string file;  ///< for errors
  ImageShape input;
  float input_scale = 1.0f / 255.0f;  ///< value of one step of a u8 pixel
  std::vector<NetLayer> layers;

  uint32_t classes() const { return layers.back().out.c; }
  uint64_t parameters() const;
  uint64_t macs() const;
};

/// Reads configs/nets/*.yaml. Keys: docs/formats/net.md.
/// @throws InputError with file:line (unknown layer or key, shape that does not fit, limits).
Network load_network(const std::string& path);
/// The same from text; `file` is used in errors.
Network parse_network(const std::string& text, const std::string& file);

}  // namespace backboard
