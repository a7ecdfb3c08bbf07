// Decoding runs of coded blocks of up to 64 elements: maps that one word holds, without a look back. Compiled once per
// Highway target.
#if defined(BACKBOARD_NPU_CODEC_SMALL_BLOCKS_INL_H_) == defined(HWY_TARGET_TOGGLE)
#ifdef BACKBOARD_NPU_CODEC_SMALL_BLOCKS_INL_H_
#undef BACKBOARD_NPU_CODEC_SMALL_BLOCKS_INL_H_
#else
#define BACKBOARD_NPU_CODEC_SMALL_BLOCKS_INL_H_
#endif

#include <hwy/highway.h>

#include <cstring>
#include <type_traits>

#include "npu/codec/block_codec.h"
#include "npu/codec/block_reader.h"
#include "npu/codec/decode_halves-inl.h"
#include "npu/codec/decode_shared-inl.h"
#include "npu/codec/decode_words-inl.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu {
namespace HWY_NAMESPACE {

#if HWY_TARGET <= HWY_AVX2

inline constexpr size_t kMostTogether = 16;  // elements that a decoder writes at once

/// A run of blocks of one word each (see decode_run), as long as whole vectors may be read behind them. Returns how
/// many of them there are, good ones; adds their bytes to `at`.
template <bool kMixed, bool kClasses, bool kWhole>
HWY_INLINE size_t decode_words(const CodedRun& run, float* HWY_RESTRICT values, uint8_t* HWY_RESTRICT classes,
                               size_t& at) {
  const uint32_t elements = kWhole ? kWordElements : run.elements;
  auto largest = no_halves();
  size_t block = 0;
  for (; block < run.blocks; ++block) {
    const size_t length = run.length_of(block);
    if (at + length + kCodecSlack_bytes > run.size) break;
    const uint8_t* const bytes = run.bytes + at;
    WordMaps maps;
    std::memcpy(&maps.nonzero, bytes, 8);
    maps.nonzero = first_bits(maps.nonzero, elements);
    maps.nonzeros = maps.highs = count_bits(maps.nonzero);
    maps.high = maps.nonzero;
    uint32_t bits = elements;
    if constexpr (kMixed) {
      const uint64_t precision = first_bits(bits_at(bytes, elements), maps.nonzeros);
      maps.highs = count_bits(precision);
      maps.high = _pdep_u64(precision, maps.nonzero);
      bits += maps.nonzeros;
    }
    const uint32_t map_bytes = (bits + 7) / 8;
    // The length that the maps ask for, and no bit behind them in their last byte.
    const uint32_t left_over = uint32_t{bytes[map_bytes - 1]} >> ((bits - 1) % 8 + 1);
    if (length != map_bytes + maps.nonzeros + maps.highs || left_over != 0) break;
    const uint8_t* const streams = bytes + map_bytes;
    // What a vector has behind the block's end is written again by the blocks that follow.
    const bool room = (run.blocks - block - 1) * elements >= kMostTogether;
    decode_small_word<kMixed, kClasses, kWhole>(maps, streams, streams + 2 * size_t{maps.highs}, elements, room, values,
                                                classes, largest);
    values += elements;
    if constexpr (kClasses) classes += elements;
    at += length;
  }
  if (HWY_UNLIKELY(any_nan(largest))) {
    for (size_t i = 0; i < block; ++i) make_nan_canonical(values - (i + 1) * elements, elements);
  }
  return block;
}

/// decode_words() with its parameters made constants.
HWY_INLINE size_t decode_small(const CodedRun& run, float* values, uint8_t* classes, size_t& at) {
  const auto pick = [&](auto mixed, auto with_classes) HWY_ATTR {
    if (run.elements == kWordElements) return decode_words<mixed(), with_classes(), true>(run, values, classes, at);
    return decode_words<mixed(), with_classes(), false>(run, values, classes, at);
  };
  if (run.mixed && classes != nullptr) return pick(std::true_type(), std::true_type());
  if (run.mixed) return pick(std::true_type(), std::false_type());
  if (classes != nullptr) return pick(std::false_type(), std::true_type());
  return pick(std::false_type(), std::false_type());
}

#else

inline constexpr uint32_t kWordElements = 0;  // no block is small

HWY_INLINE size_t decode_small(const CodedRun&, float*, uint8_t*, size_t&) {
  return 0;
}

#endif

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu
HWY_AFTER_NAMESPACE();

#endif  // per-target include guard
