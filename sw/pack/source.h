// Images and labels as their files hold them, before anything is done to them.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/net/image_shape.h"
#include "sw/pack/pack_spec.h"

namespace backboard {

/// All images of a source, values as stored, (count, c, h, w).
struct ImageSource {
  uint32_t count = 0;
  ImageShape shape;
  std::vector<uint8_t> bytes;    ///< u8 sources
  std::vector<float> values;     ///< all others
  std::vector<uint32_t> labels;  ///< one an image, below 65535

  double value(uint64_t index) const { return bytes.empty() ? values[index] : bytes[index]; }
};

/// Reads `spec.images` and `spec.labels`; other members of the spec but `shape` are not looked at.
/// @throws InputError with the file and offset (idx, npy) or line (csv).
ImageSource read_source(const PackSpec& spec);

}  // namespace backboard
