// Fine-grained mixed precision: each element of a tensor is zero, low (FP8) or high (FP16).
#pragma once

#include <cstdint>
#include <span>

#include "npu/numerics/rounding.h"

namespace backboard::npu {

/// The class of an element. In arrays: one byte each, with these values.
enum ElementClass : uint8_t { kClassZero = 0, kClassLow = 1, kClassHigh = 2 };
inline constexpr unsigned kElementClasses = 3;

/// Which elements are high. Values are those of the descriptor field `rule`.
struct ClassRule {
  enum class Kind : uint8_t {
    kMagnitude = 0,      ///< high when |x| >= threshold, x before rounding
    kRelativeError = 1,  ///< high when |fp8(x) - fp16(x)| > threshold * |fp16(x)|
  };
  Kind kind = Kind::kMagnitude;
  float threshold = 0;  ///< finite, >= 0; 0 with kMagnitude makes every element high
};

/// What an FGMP encoding met, each element once. zeros + low + high = elements.
struct ClassCounts {
  uint64_t elements = 0;
  uint64_t zeros = 0;
  uint64_t low = 0;
  uint64_t high = 0;
  uint64_t saturated = 0;
  uint64_t nonfinite = 0;
  float largest = 0;  ///< largest finite magnitude stored

  void add(const ClassCounts& other);
  bool operator==(const ClassCounts&) const = default;
};

/// Rounds each element to its class (low: FP8, high: FP16, both to nearest even, saturating) and tells the class. A
/// value whose rounded result is zero is class zero. NaN is high; infinities saturate in FP16.
/// in, values: N elements, may be the same memory; classes: N bytes. Vectorised.
ClassCounts classify_span(ClassRule rule, std::span<const float> in, std::span<float> values,
                          std::span<uint8_t> classes);

/// Classes of values that need none: zero or high, as FP16 operands have them.
void classes_of_values(std::span<const float> values, std::span<uint8_t> classes);

namespace scalar {
ClassCounts classify_span(ClassRule rule, std::span<const float> in, std::span<float> values,
                          std::span<uint8_t> classes);
}  // namespace scalar

}  // namespace backboard::npu
