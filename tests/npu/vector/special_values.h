// Random values with the awkward ones among them, and comparisons of bytes.
#pragma once

#include <bit>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

namespace backboard::test {

/// Values in [-2, 2] on a coarse grid, so that equals occur; one in eight of them is special when `special`: zeros of
/// both signs, infinities, NaNs with sign and payload, subnormals, the largest number.
inline std::vector<float> awkward_values(size_t count, unsigned seed, bool special = true) {
  static const float kSpecial[] = {0.0f,
                                   -0.0f,
                                   std::numeric_limits<float>::infinity(),
                                   -std::numeric_limits<float>::infinity(),
                                   std::bit_cast<float>(0xffc01234u),
                                   std::bit_cast<float>(0x7fc00000u),
                                   std::numeric_limits<float>::denorm_min(),
                                   -std::numeric_limits<float>::max()};
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) {
    value = (static_cast<float>(random() % 129) - 64.0f) / 32.0f;
    if (special && random() % 8 == 0) value = kSpecial[random() % 8];
  }
  return values;
}

/// Random values in [-1, 1] with full significands: sums of them depend on their order.
inline std::vector<float> rough_values(size_t count, unsigned seed) {
  std::mt19937 random(seed);
  std::vector<float> values(count);
  for (float& value : values) value = static_cast<float>(static_cast<double>(random()) / 2147483648.0 - 1.0);
  return values;
}

inline std::vector<uint32_t> bytes_of(std::span<const float> values) {
  std::vector<uint32_t> bits;
  for (const float value : values) bits.push_back(std::bit_cast<uint32_t>(value));
  return bits;
}

}  // namespace backboard::test
