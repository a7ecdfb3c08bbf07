#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/lnpu/image_bits.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>

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

/// Transposes a 64 x 64 bit matrix: bit j of row i goes to bit i of row j.
void transpose(uint64_t* rows) {
  swap_blocks<32>(0x00000000ffffffffu, rows);
  swap_blocks<16>(0x0000ffff0000ffffu, rows);
  swap_blocks<8>(0x00ff00ff00ff00ffu, rows);
  swap_blocks<4>(0x0f0f0f0f0f0f0f0fu, rows);
  swap_blocks<2>(0x3333333333333333u, rows);
  swap_blocks<1>(0x5555555555555555u, rows);
}

void fill_image_bits_vector(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                            const ImageBits& bits) {
  for (uint32_t n0 = 0; n0 < images; n0 += 64) {
    const uint32_t rows = std::min(64u, images - n0);
    for (uint32_t c0 = 0; c0 < channels; c0 += 64) {
      const uint32_t columns = std::min(64u, channels - c0);
      uint64_t nonzero[64], high[64];
      std::fill(nonzero + rows, nonzero + 64, uint64_t{0});
      std::fill(high + rows, high + 64, uint64_t{0});
      for (uint32_t i = 0; i < rows; ++i) {
        const ClassWord word = line_word(classes + (n0 + i) * stride_n + c0, columns);
        nonzero[i] = word.nonzero;
        high[i] = word.high;
        ImageCounts& counts = bits.counts[n0 + i];
        const ImageCounts more{static_cast<uint32_t>(__builtin_popcountll(word.nonzero)),
                               static_cast<uint32_t>(__builtin_popcountll(word.high))};
        counts.nonzero = c0 == 0 ? more.nonzero : counts.nonzero + more.nonzero;
        counts.high = c0 == 0 ? more.high : counts.high + more.high;
      }
      transpose(nonzero);
      transpose(high);
      for (uint32_t j = 0; j < 64; ++j) {
        const size_t at = size_t{c0 + j} * bits.words + n0 / 64;
        bits.nonzero[at] = nonzero[j];
        bits.high[at] = high[j];
      }
    }
  }
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::lnpu
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::lnpu {

HWY_EXPORT(fill_image_bits_vector);

void fill_image_bits(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                     const ImageBits& bits) {
  HWY_DYNAMIC_DISPATCH(fill_image_bits_vector)(classes, stride_n, images, channels, bits);
}

}  // namespace backboard::npu::lnpu
#endif
