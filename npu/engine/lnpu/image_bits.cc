#define HWY_WANT_AVX3_DL  // counting bits of words
#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/image_bits.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cstring>

#include "npu/engine/lnpu/class_bits-inl.h"
#include "npu/engine/lnpu/image_bits.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::lnpu {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// One round of the transposition: swaps the blocks of kDistance bits right of the diagonal of each 2 x 2 blocks.
template <uint32_t kDistance>
HWY_INLINE void swap_blocks(uint64_t mask, uint64_t* rows) {
  const hn::CappedTag<uint64_t, kDistance> du;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(du));
  const auto keep = hn::Set(du, mask);
  for (uint32_t first = 0; first < 64; first += 2 * kDistance) {
    for (uint32_t i = first; i < first + kDistance; i += lanes) {
      const auto a = hn::LoadU(du, rows + i), b = hn::LoadU(du, rows + i + kDistance);
      const auto change = hn::And(hn::Xor(hn::ShiftRight<static_cast<int>(kDistance)>(a), b), keep);
      hn::StoreU(hn::Xor(a, hn::ShiftLeft<static_cast<int>(kDistance)>(change)), du, rows + i);
      hn::StoreU(hn::Xor(b, change), du, rows + i + kDistance);
    }
  }
}

/// swap_blocks<1>(): neighbours lie in one vector.
HWY_INLINE void swap_neighbours(uint64_t* rows) {
#if HWY_TARGET == HWY_SCALAR
  swap_blocks<1>(0x5555555555555555u, rows);
#else
  const hn::CappedTag<uint64_t, 8> du;
  const auto even_bits = hn::Set(du, uint64_t{0x5555555555555555});
  const auto even_rows = hn::OddEven(hn::Zero(du), hn::Set(du, ~uint64_t{0}));
  // What a row keeps, and of its neighbour what an even one takes moved up and an odd one moved down.
  const auto kept = hn::Xor(even_rows, hn::Not(even_bits));
  for (uint32_t i = 0; i < 64; i += static_cast<uint32_t>(hn::Lanes(du))) {
    const auto own = hn::LoadU(du, rows + i), other = hn::Shuffle01(own);
    const auto up = hn::ShiftLeft<1>(hn::And(other, even_bits)), down = hn::And(hn::ShiftRight<1>(other), even_bits);
    hn::StoreU(hn::Or(hn::And(own, kept), hn::OddEven(down, up)), du, rows + i);
  }
#endif
}

/// Transposes a 64 x 64 bit matrix: bit j of row i goes to bit i of row j.
void transpose(uint64_t* rows) {
  swap_blocks<32>(0x00000000ffffffffu, rows);
  swap_blocks<16>(0x0000ffff0000ffffu, rows);
  swap_blocks<8>(0x00ff00ff00ff00ffu, rows);
  swap_blocks<4>(0x0f0f0f0f0f0f0f0fu, rows);
  swap_blocks<2>(0x3333333333333333u, rows);
  swap_neighbours(rows);
}

/// Counts the bits of images' words from n0 on; more: adds to what is there.
HWY_INLINE void add_counts(const uint64_t* nonzero, const uint64_t* high, uint32_t rows, uint32_t n0, bool more,
                           const ImageCounts& counts) {
  const hn::CappedTag<uint64_t, ImageCounts::kMultiple> d;
  const uint32_t lanes = static_cast<uint32_t>(hn::Lanes(d));
  for (uint32_t i = 0; i < rows; i += lanes) {
    auto some = hn::PopulationCount(hn::Load(d, nonzero + i)), wide = hn::PopulationCount(hn::Load(d, high + i));
    if (more) {
      some = hn::Add(some, hn::Load(d, counts.nonzero + n0 + i));
      wide = hn::Add(wide, hn::Load(d, counts.high + n0 + i));
    }
    hn::Store(some, d, counts.nonzero + n0 + i);
    hn::Store(wide, d, counts.high + n0 + i);
  }
}

/// Of 64 images' words: bit i of to[g] is whether byte g of rows[i] is not zero.
HWY_INLINE void store_groups(const uint64_t* rows, uint64_t* to) {
#if HWY_TARGET == HWY_SCALAR
  for (uint32_t g = 0; g < 8; ++g) {
    uint64_t any = 0;
    for (uint32_t i = 0; i < 64; ++i) any |= uint64_t{(rows[i] >> (8 * g) & 0xff) != 0} << i;
    to[g] = any;
  }
#else
  const hn::ScalableTag<uint8_t> d8;
  const size_t lanes = hn::Lanes(d8);
  // Bit g of byte i, then the same bit of all bytes.
  HWY_ALIGN uint8_t bytes[64];
  const auto* from = reinterpret_cast<const uint8_t*>(rows);
  for (size_t i = 0; i < 512; i += lanes) {
    hn::StoreMaskBits(d8, hn::Ne(hn::Load(d8, from + i), hn::Zero(d8)), bytes + i / 8);
  }
  for (uint32_t g = 0; g < 8; ++g) {
    const auto bit = hn::Set(d8, static_cast<uint8_t>(1u << g));
    auto* const any = reinterpret_cast<uint8_t*>(to + g);
    for (size_t i = 0; i < 64; i += lanes) {
      hn::StoreMaskBits(d8, hn::Ne(hn::And(hn::Load(d8, bytes + i), bit), hn::Zero(d8)), any + i / 8);
    }
  }
#endif
}

void fill_image_groups_vector(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                              const ImageGroups& groups) {
  HWY_ALIGN uint64_t nonzero[64], high[64];
  for (uint32_t n0 = 0; n0 < images; n0 += 64) {
    const uint32_t rows = std::min(64u, images - n0);
    std::fill(nonzero + rows, nonzero + 64, uint64_t{0});
    std::fill(high + rows, high + 64, uint64_t{0});
    for (uint32_t c0 = 0; c0 < channels; c0 += 64) {
      const uint8_t* from = classes + n0 * stride_n + c0;
      const uint32_t columns = std::min(64u, channels - c0);
      for (uint32_t i = 0; i < rows; ++i, from += stride_n) store_line_word(from, columns, nonzero + i, high + i);
      add_counts(nonzero, high, rows, n0, c0 > 0, groups.counts);
      const size_t at = n0 / 64 * size_t{groups.pitch} + c0 / ImageGroups::kChannels;
      if (groups.nonzero != nullptr) store_groups(nonzero, groups.nonzero + at);
      store_groups(high, groups.high + at);
    }
  }
}

void fill_image_bits_vector(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                            const ImageBits& bits) {
  for (uint32_t n0 = 0; n0 < images; n0 += 64) {
    const uint32_t rows = std::min(64u, images - n0);
    for (uint32_t c0 = 0; c0 < channels; c0 += 64) {
      const uint32_t columns = std::min(64u, channels - c0);
      HWY_ALIGN uint64_t nonzero[64], high[64];
      std::fill(nonzero + rows, nonzero + 64, uint64_t{0});
      std::fill(high + rows, high + 64, uint64_t{0});
      for (uint32_t i = 0; i < rows; ++i) {
        store_line_word(classes + (n0 + i) * stride_n + c0, columns, nonzero + i, high + i);
      }
      add_counts(nonzero, high, rows, n0, c0 > 0, bits.counts);
      const size_t at = size_t{c0} * bits.words + n0 / 64;
      const auto store = [&](const uint64_t* from, uint32_t count, uint64_t* to) {
        for (uint32_t j = 0; j < count; ++j, to += bits.words) *to = from[j];
      };
      if (columns <= 32) {
        // Both bitmaps fit in one matrix.
        for (uint32_t i = 0; i < rows; ++i) nonzero[i] |= high[i] << 32;
        transpose(nonzero);
        store(nonzero, columns, bits.nonzero + at);
        store(nonzero + 32, columns, bits.high + at);
        continue;
      }
      transpose(nonzero);
      transpose(high);
      store(nonzero, columns, bits.nonzero + at);
      store(high, columns, bits.high + at);
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(fill_image_bits_vector);
HWY_EXPORT(fill_image_groups_vector);

void fill_image_bits(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                     const ImageBits& bits) {
  HWY_DYNAMIC_DISPATCH(fill_image_bits_vector)(classes, stride_n, images, channels, bits);
}

void fill_image_groups(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                       const ImageGroups& groups) {
  HWY_DYNAMIC_DISPATCH(fill_image_groups_vector)(classes, stride_n, images, channels, groups);
}

}  // namespace backboard::npu::lnpu
#endif
