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

/// Reads the maps of a block; map_bytes: what they take. False when a bit behind them in their last byte is set. 16
/// bytes are read.
template <bool kMixed, Extent kExtent>
HWY_INLINE bool read_maps(const uint8_t* bytes, uint32_t elements, WordMaps& maps, uint32_t& map_bytes) {
  uint64_t first;
  std::memcpy(&first, bytes, 8);
  maps.nonzero = first_bits(first, elements);
  maps.nonzeros = maps.highs = count_bits(maps.nonzero);
  maps.high = maps.nonzero;
  const uint32_t bits = elements + (kMixed ? maps.nonzeros : 0);
  map_bytes = (bits + 7) / 8;
  if constexpr (kMixed) {
    // What follows the zero map.
    uint64_t rest;
    if constexpr (kExtent == Extent::kWhole) {
      std::memcpy(&rest, bytes + 8, 8);
    } else {
      rest = kExtent == Extent::kShort ? first >> elements : bits_at(bytes, elements);
    }
    const uint64_t precision = first_bits(rest, maps.nonzeros);
    maps.highs = count_bits(precision);
    maps.high = _pdep_u64(precision, maps.nonzero);
  }
  return uint32_t{bytes[map_bytes - 1]} >> ((bits - 1) % 8 + 1) == 0;
}

/// A run of blocks of one word each (see decode_run), as long as whole vectors may be read behind them. Returns how
/// many of them there are, good ones; adds their bytes to `begin`.
template <bool kMixed, bool kClasses, Extent kExtent>
HWY_NOINLINE size_t decode_words(const CodedRun& run, float* HWY_RESTRICT values, uint8_t* HWY_RESTRICT classes,
                                 size_t& begin) {
  // (In the loop, nothing says that stores leave `run` and `begin` alone.)
  const uint32_t elements = kExtent == Extent::kWhole ? kWordElements : run.elements;
  const size_t blocks = run.blocks, size = run.size;
  const uint8_t *const directory = run.directory, *const coded = run.bytes;
  auto largest = no_halves();
  size_t block = 0, at = begin;
  for (; block < blocks; ++block) {
    const size_t length = length_in(directory, block);
    if (at + length + kCodecSlack_bytes > size) break;
    const uint8_t* const bytes = coded + at;
    WordMaps maps;
    uint32_t map_bytes;
    if (!read_maps<kMixed, kExtent>(bytes, elements, maps, map_bytes)) break;
    if (length != map_bytes + maps.nonzeros + maps.highs) break;
    const uint8_t* const streams = bytes + map_bytes;
    // What a vector has behind the block's end is written again by the blocks that follow.
    const bool room = (blocks - block - 1) * elements >= kMostTogether;
    decode_small_word<kMixed, kClasses, kExtent>(maps, streams, streams + 2 * size_t{maps.highs}, elements, room,
                                                 values, classes, largest);
    values += elements;
    if constexpr (kClasses) classes += elements;
    at += length;
  }
  begin = at;
  if (HWY_UNLIKELY(any_nan(largest))) {
    for (size_t i = 0; i < block; ++i) make_nan_canonical(values - (i + 1) * elements, elements);
  }
  return block;
}

/// decode_words() with its parameters made constants.
HWY_INLINE size_t decode_small(const CodedRun& run, float* values, uint8_t* classes, size_t& at) {
  const auto pick = [&](auto mixed, auto with_classes) HWY_ATTR {
    if (run.elements == kWordElements) {
      return decode_words<mixed(), with_classes(), Extent::kWhole>(run, values, classes, at);
    }
    if (run.elements <= kShortElements) {
      return decode_words<mixed(), with_classes(), Extent::kShort>(run, values, classes, at);
    }
    return decode_words<mixed(), with_classes(), Extent::kSome>(run, values, classes, at);
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
