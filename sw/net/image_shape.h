// The shape of one image.
#pragma once

#include <cstdint>

namespace backboard {

/// Channels, rows, columns.
struct ImageShape {
  uint32_t c = 0, h = 0, w = 0;
  uint64_t elements() const { return uint64_t{c} * h * w; }
  bool operator==(const ImageShape&) const = default;
};

}  // namespace backboard
