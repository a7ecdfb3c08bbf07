// What a name of an ONNX graph stands for while the graph is imported.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <variant>
#include <vector>

#include "sw/net/layer.h"

namespace backboard {

/// The number of images, which a model may leave open, among the dimensions of a tensor or the elements of a shape.
inline constexpr int64_t kBatch = INT64_MIN;

/// Numbers that are known before the network runs.
struct OnnxConstant {
  std::vector<int64_t> dims;
  std::shared_ptr<const std::vector<float>> reals;  ///< null: integers
  std::vector<int64_t> integers;
  int initializer = -1;     ///< where the reals come from unchanged (or transposed); -1: made by a node
  bool transposed = false;  ///< against the initialiser, both of two dimensions
  bool direct = false;      ///< the name is the initialiser's own
  bool literal = false;     ///< a Constant node holds them

  uint64_t elements() const { return reals ? reals->size() : integers.size(); }
};

/// Something that only some readers can take.
enum class OnnxPending : uint8_t {
  none,
  padded,   ///< zeros around it that no layer has made yet: for convolutions and pooling
  softmax,  ///< softmax or log-softmax that belongs to the loss: only for the loss and the end of the graph
  loss,     ///< the loss itself: only for the end of the graph
  mean,     ///< the mean over rows or over columns: only for the mean over the others
  gelu,     ///< a part of x * (1 + erf(x / sqrt(2))) / 2: only for the parts behind it
};

/// How far a GELU that exporters write as single operations has come; x is the tensor itself.
struct OnnxGeluPart {
  enum class Stage : uint8_t {
    scaled,   ///< factor * x
    erf,      ///< erf(x / sqrt(2))
    share,    ///< factor * (1 + erf(x / sqrt(2)))
    product,  ///< factor * x * (1 + erf(x / sqrt(2)))
  };
  Stage stage = Stage::scaled;
  double factor = 1.0;
  int node = 0;  ///< that made it, for errors
};

/// The output of a layer, or the images, seen with some dimensions: the elements of one image keep their order.
struct OnnxTensor {
  int layer = kImages;
  std::vector<int64_t> dims;  ///< kBatch first
  OnnxPending pending = OnnxPending::none;
  std::array<uint32_t, 4> pads{};  ///< padded: top, left, bottom, right
  bool fresh = false;              ///< the name is the one that the layer's own node gave
  OnnxGeluPart gelu{};             ///< pending gelu
};

/// Labels of the images: an input that only a loss reads.
struct OnnxLabels {};

using OnnxValue = std::variant<OnnxConstant, OnnxTensor, OnnxLabels>;

/// "(n, 3, 32, 32)"
std::string dims_text(const std::vector<int64_t>& dims);

}  // namespace backboard
