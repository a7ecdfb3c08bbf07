// What the decoders of coded blocks share, compiled once per Highway target.
#if defined(BACKBOARD_NPU_CODEC_DECODE_SHARED_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_CODEC_DECODE_SHARED_INL_H_
#undef BACKBOARD_NPU_CODEC_DECODE_SHARED_INL_H_
#else
#define BACKBOARD_NPU_CODEC_DECODE_SHARED_INL_H_
#endif

#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/codec/block_codec.h"
#include "npu/codec/block_reader.h"
#include "npu/numerics/rounding-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

HWY_INLINE uint32_t count_bits(uint64_t bits) {
  return static_cast<uint32_t>(__builtin_popcountll(bits));
}

/// Makes NaN canonical, which the conversion does not.
HWY_NOINLINE void make_nan_canonical(float* values, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    if (values[i] != values[i]) std::memcpy(values + i, &kVectorNan, sizeof(float));
  }
}

#if HWY_TARGET <= HWY_AVX2

inline constexpr uint32_t kWordElements = 64;

/// Elements of a block of one word: few enough for both maps to lie in eight bytes; any number; all 64.
enum class Extent : uint8_t { kShort, kSome, kWhole };
inline constexpr uint32_t kShortElements = 16;

/// 64 bits from bit `at` on; nine bytes are read.
HWY_INLINE uint64_t bits_at(const uint8_t* bytes, size_t at) {
  uint64_t low;
  std::memcpy(&low, bytes + at / 8, 8);
  const uint64_t next = bytes[at / 8 + 8];
  return low >> (at % 8) | (next << 1) << (63 - at % 8);
}

HWY_INLINE uint64_t first_bits(uint64_t bits, uint32_t count) {
  return _bzhi_u64(bits, count);
}

/// Maps of up to 64 elements, and how many of them are high.
struct WordMaps {
  uint64_t nonzero, high;
  uint32_t nonzeros, highs;
};

#endif  // HWY_TARGET <= HWY_AVX2

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
