// WG of FC layers: classes as bitmaps over images.
#pragma once

#include <cstddef>
#include <cstdint>

namespace backboard::npu::lnpu {

/// Elements of each image that are not zero, and that are high: [images, rounded up to kMultiple], zero beyond.
struct ImageCounts {
  uint64_t *nonzero = nullptr, *high = nullptr;
  static constexpr uint32_t kMultiple = 8;  ///< whole vectors
  static constexpr uint32_t rounded(uint32_t count) { return (count + kMultiple - 1) / kMultiple * kMultiple; }
};

/// Bit n of channel c is element (n, c) of classes that lie side by side in an image: [c][(images + 63) / 64].
struct ImageBits {
  uint64_t *nonzero = nullptr, *high = nullptr;
  uint32_t words = 0;  ///< of a channel
  ImageCounts counts;
};

/// Words of either bitmap.
constexpr size_t image_bits_words(uint32_t images, uint32_t channels) {
  return (size_t{channels} + 63) / 64 * 64 * ((size_t{images} + 63) / 64);
}

void fill_image_bits(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                     const ImageBits& bits);

/// Bitmaps of eight channels each: bit n % 64 of [n / 64][group] is whether a channel of the group is not zero (high)
/// in image n.
struct ImageGroups {
  uint64_t *nonzero = nullptr, *high = nullptr;  ///< nonzero: null unless wanted
  uint32_t pitch = 0;                            ///< groups, rounded up to ImageCounts::kMultiple
  ImageCounts counts;
  static constexpr uint32_t kChannels = 8;
};

void fill_image_groups(const uint8_t* classes, size_t stride_n, uint32_t images, uint32_t channels,
                       const ImageGroups& groups);

}  // namespace backboard::npu::lnpu
