// A coded block while it is decoded.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "npu/codec/block_geometry.h"
#include "npu/numerics/format.h"
#include "npu/numerics/row_constants.h"

namespace backboard::npu {

/// A block whose maps and streams fit its length; whole vectors may be read behind it.
struct CheckedBlock {
  uint32_t elements, nonzeros, highs, map_bytes;
  size_t length;
  bool mixed;  ///< FGMP; otherwise all non-zeros are high
};

/// Entry `block` of a directory: the block's length in bytes.
inline size_t length_in(const uint8_t* directory, size_t block) {
  uint16_t length;
  std::memcpy(&length, directory + block * kDirectoryEntry_bytes, sizeof(length));
  return length;
}

/// Blocks of `elements` each that follow each other, as decode_run() gets them.
struct CodedRun {
  const uint8_t* directory;  ///< their lengths, as in memory
  size_t blocks;
  const uint8_t* bytes;  ///< of the first block, and of all that may be read behind it
  size_t size;
  uint32_t elements;
  bool mixed;

  size_t length_of(size_t block) const { return length_in(directory, block); }
};

/// A coded block that is being read, and how far.
struct BlockReader {
  const uint8_t* bytes;  ///< of the block: the zero map comes first
  size_t length;
  uint32_t elements;
  bool mixed;                        ///< FGMP; otherwise all non-zeros are high
  const uint8_t *high, *low;         ///< streams
  uint32_t element = 0;              ///< the next one
  uint32_t nonzeros = 0, highs = 0;  ///< before it

  const uint8_t* high_at() const { return high + 2 * size_t{highs}; }
  const uint8_t* low_at() const { return low + (nonzeros - highs); }
};

/// The values of the high elements are IEEE half precision, those of the low ones their upper byte.
inline constexpr RowConstants kHalf = row_constants(format_row(NumberFormat::kFp16));
static_assert(format_row(NumberFormat::kFp16).exponent_bits == 5 && format_row(NumberFormat::kFp16).has_inf);
static_assert(format_row(NumberFormat::kFp8).exponent_bits == 5 && format_row(NumberFormat::kFp8).mantissa_bits == 2);

/// Byte shuffles of a stream into eight half-words, by mask of those that have an element; others become zero. `half`
/// puts half-words in place, `upper` bytes in upper halves.
struct ExpandTables {
  std::array<std::array<uint8_t, 16>, 256> half, upper;
  constexpr ExpandTables() : half(), upper() {
    for (unsigned mask = 0; mask < 256; ++mask) {
      uint8_t rank = 0;
      for (unsigned lane = 0; lane < 8; ++lane) {
        const bool there = (mask >> lane & 1) != 0;
        half[mask][2 * lane] = there ? static_cast<uint8_t>(2 * rank) : 0x80;
        half[mask][2 * lane + 1] = there ? static_cast<uint8_t>(2 * rank + 1) : 0x80;
        upper[mask][2 * lane] = 0x80;
        upper[mask][2 * lane + 1] = there ? rank : 0x80;
        rank = static_cast<uint8_t>(rank + there);
      }
    }
  }
};
// (As two objects: each has an address of its own then, which saves an addition at every look-up.)
alignas(64) inline constexpr auto kExpandHalf = ExpandTables().half;
alignas(64) inline constexpr auto kExpandUpper = ExpandTables().upper;

/// The first `count` bytes, at most eight, lowest first; reads no others.
inline uint64_t load_bytes(const uint8_t* from, size_t count) {
  if (count >= 8) {
    uint64_t bytes;
    std::memcpy(&bytes, from, 8);
    return bytes;
  }
  uint64_t bytes = 0;
  for (size_t i = 0; i < count; ++i) bytes |= uint64_t{from[i]} << (8 * i);
  return bytes;
}

/// 57 bits or more of a block from bit `at` on, zero beyond its end.
inline uint64_t bits_from(const uint8_t* bytes, size_t length, uint32_t at) {
  return at / 8 >= length ? 0 : load_bytes(bytes + at / 8, length - at / 8) >> (at % 8);
}

/// Spreads the low bits of `bits` over the set bits of `mask`, lowest first.
inline uint32_t deposit_bits(uint32_t bits, uint32_t mask) {
  uint32_t out = 0;
  while (mask != 0) {
    const uint32_t lowest = mask & (0u - mask);
    out |= (bits & 1) != 0 ? lowest : 0;
    bits >>= 1;
    mask ^= lowest;
  }
  return out;
}

}  // namespace backboard::npu
