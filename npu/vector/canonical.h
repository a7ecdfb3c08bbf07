// The canonical bytes of a stored binary32 value.
#pragma once

#include <bit>
#include <cstdint>

namespace backboard::npu {

inline constexpr uint32_t kCanonicalNanBits = 0x7fc00000u;

/// -0 becomes +0 and every NaN becomes 0x7fc00000: which NaN an addition yields differs between hosts.
inline float canonical(float value) {
  if (value != value) return std::bit_cast<float>(kCanonicalNanBits);
  return value == 0.0f ? 0.0f : value;
}

}  // namespace backboard::npu
