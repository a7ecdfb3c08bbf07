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

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
