// WG of FC layers: sums over images, and lane times of all groups at once where a window fits in a word.
#pragma once

#include <cstdint>

#include "npu/engine/lnpu/config.h"
#include "npu/engine/lnpu/image_bits.h"

namespace backboard::npu::lnpu {

/// Sums over images of counts of errors and activations, non-zero (n) and high (h), and of their products.
struct ImageSums {
  uint64_t en = 0, eh = 0, an = 0, ah = 0, enan = 0, enah = 0, ehan = 0, ehah = 0;
};
ImageSums sum_images(const ImageCounts& activations, const ImageCounts& errors, uint32_t images);

/// Windows of one word, and the errors in them.
struct GroupWindows {
  const LnpuConfig* config = nullptr;
  uint32_t strips = 1, windows = 1, blocks = 0;                    ///< blocks of channels of the fullest strip
  const uint64_t *error_nonzero = nullptr, *error_high = nullptr;  ///< [strip][window][blocks]; empty ones are zero
  const uint64_t *nonzero = nullptr, *high = nullptr;              ///< of groups: [window][pitch]
  uint32_t groups = 0, pitch = 0;                                  ///< pitch: groups rounded up to whole vectors
};

/// times [strip][pitch]: half-cycles of each group. Adds those of all groups and lanes to `busy`.
void time_image_groups(const GroupWindows& windows, uint64_t* times, uint64_t* busy);

}  // namespace backboard::npu::lnpu
