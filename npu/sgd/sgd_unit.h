// The SGD unit: weight updates on the write-back path or as a command of their own (after TaxoNN, arXiv 2010.05197).
//
// Update, element by element, in binary32, each operation rounded once (multiply, then add; drivers/npu/npu_records.h):
//   g = gradient * gradient_scale;  g = g + weight_decay * w;
//   with momentum: v = momentum * v + g;  g = v, or g = g + momentum * v (Nesterov);
//   w = w - learning_rate * g, then rounded to the format of w.
// The unit reads a gradient in binary32: fused at write-back, and as a command over a gradient stored as FP32, it gives
// the same bytes. An element depends on nothing but its own operands and its number in the tensor, so order, tiles and
// threads do not matter.
#pragma once

#include <cstdint>
#include <span>

#include "drivers/npu/npu_records.h"

namespace backboard::npu {

/// Format of the master weights.
enum class MasterFormat : uint8_t {
  kFp32,
  kFp16,  ///< 1-5-10; round to nearest even or stochastically; saturates at 65504
};

/// The hyper-parameters of one update.
struct SgdParameters {
  float learning_rate = 0.0f;
  float momentum = 0.0f;  ///< used when the span has a momentum
  float weight_decay = 0.0f;
  float gradient_scale = 1.0f;  ///< 1 / loss scale
  /// Round FP16 weights stochastically: up with the probability of the discarded part. FP32 weights are the outcome of
  /// binary32 operations; there is nothing left to round and the flag changes nothing.
  bool stochastic = false;
  bool nesterov = false;  ///< with momentum: g = g + momentum * v in place of g = v
  uint32_t seed = 0;      ///< of the stream
  uint32_t step = 0;      ///< counter of the stream

  /// Whether every number is finite, learning rate and weight decay are not negative, momentum is in [0, 1) and the
  /// gradient scale is positive.
  bool valid() const;
};

/// The parameters in a guest's record. Unknown flag bits: the caller refuses them (kKnownHyperFlags).
SgdParameters sgd_parameters(const npu_hyper& record);
inline constexpr uint32_t kKnownHyperFlags = NPU_HYPER_STOCHASTIC | NPU_HYPER_NESTEROV;

/// Elements of one tensor that are updated together, as binary32 values. FP16 weights are decoded; afterwards they hold
/// values that FP16 represents exactly.
struct SgdSpan {
  std::span<float> weights;
  std::span<float> momentum;  ///< as many as weights, or empty: no momentum
  std::span<const float> gradient;
  uint32_t first_element = 0;  ///< number of weights[0] in its tensor
};

/// What an update did. Sums are equal for every cut of a tensor.
struct SgdFacts {
  uint64_t elements = 0;           ///< looked at
  uint64_t skipped_nonfinite = 0;  ///< gradient Inf or NaN: weight and momentum left as they were
  uint64_t saturated = 0;          ///< FP16 weights held at the largest magnitude
  uint64_t nonfinite_weights = 0;  ///< weights that an update left Inf (FP32) or NaN
  uint64_t adds = 0;               ///< binary32
  uint64_t multiplies = 0;         ///< binary32
  uint64_t conversions = 0;        ///< roundings to FP16
  uint64_t random_draws = 0;       ///< of the stream for stochastic rounding
  // Adam, whose additions and products are counted above.
  uint64_t adam_elements = 0;  ///< of `elements`
  uint64_t divisions = 0;      ///< binary32
  uint64_t roots = 0;          ///< binary32

  SgdFacts& operator+=(const SgdFacts& other);
  bool operator==(const SgdFacts&) const = default;
};

/// The operations of updating `elements` weights, known before they are made: an element whose gradient is Inf or NaN
/// runs through the unit like any other, and is not written.
SgdFacts sgd_operations(const SgdParameters& parameters, MasterFormat format, bool momentum, uint64_t elements);

/// Updates a span in place. Stores are canonical: -0 becomes +0, NaN becomes 0x7fc00000.
/// `parameters` must be valid(); lengths must agree.
SgdFacts sgd_update(const SgdParameters& parameters, MasterFormat format, const SgdSpan& span);

/// The same, one element after the other in scalar code; the reference that sgd_update must equal byte for byte.
SgdFacts sgd_update_scalar(const SgdParameters& parameters, MasterFormat format, const SgdSpan& span);

}  // namespace backboard::npu
