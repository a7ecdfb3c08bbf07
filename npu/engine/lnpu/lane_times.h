// WG: how long lanes take over the inputs of windows, from bitmaps.
#pragma once

#include <cstdint>

#include "npu/engine/lnpu/config.h"
#include "npu/engine/lnpu/position_layout.h"

namespace backboard::npu::lnpu {

/// Bitmaps of the errors (inputs of the lanes) and of the activations beside them. Each window has `words` words, and
/// `inner` windows lie side by side, a multiple of kWindowMultiple: nonzero[(outer * words + word) * inner + i].
///  - Convolutions: outer goes over blocks of output channels, inner over windows; the activations' [word][inner] are
///    the same for all blocks.
///  - FC layers (`one_activation`): outer goes over the windows of a strip, inner over its blocks of channels; the
///    activations are [window][word].
struct WindowBits {
  const LnpuConfig* config = nullptr;
  const uint64_t *error_nonzero = nullptr, *error_high = nullptr;
  const uint64_t *nonzero = nullptr, *high = nullptr;  ///< activations; nonzero for Skip::kBoth only
  uint32_t words = 1, inner = 0;
  uint32_t strips = 1, lanes = 1;
  const uint32_t* strip_begin = nullptr;  ///< [strips + 1], in outer
  const uint32_t* lane_begin = nullptr;   ///< [lanes + 1], in inner
  bool one_activation = false;
};

/// Adds to times [strip][lane] and to `busy` what each group takes whatever its activations are (Skip::kInput):
/// half-cycles of all inputs as if each were at the FP8 rate.
void add_input_times(const WindowBits& bits, uint64_t* times, uint64_t* busy);

/// Adds what a group's activations add: the second half-cycle of inputs at the FP16 rate; for Skip::kBoth all.
void add_group_times(const WindowBits& bits, uint64_t* times, uint64_t* busy);

}  // namespace backboard::npu::lnpu
