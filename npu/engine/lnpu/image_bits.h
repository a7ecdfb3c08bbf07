// WG of FC layers: classes as bitmaps over images.
#pragma once

#include <cstddef>
#include <cstdint>

namespace backboard::npu::lnpu {

/// Elements of an image that are not zero, and that are high.
struct ImageCounts {
  uint32_t nonzero, high;
};

/// Bit n of channel c is element (n, c) of classes that lie side by side in an image: [c][(images + 63) / 64].
struct ImageBits {
  uint64_t *nonzero = nullptr, *high = nullptr;
  uint32_t words = 0;             ///< of a channel
  ImageCounts* counts = nullptr;  ///< [images]
};

/// Words of either bitmap.
constexpr size_t image_bits_words(uint32_t images, uint32_t channels) {
  return (size_t{channels} + 63) / 64 * 64 * ((size_t{images} + 63) / 64);
}

void fill_image_bits(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                     const ImageBits& bits);

}  // namespace backboard::npu::lnpu
