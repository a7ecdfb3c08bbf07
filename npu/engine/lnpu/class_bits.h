// Element classes as bitmaps, for counting many at once.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

namespace backboard::npu::lnpu {

/// Up to eight class bytes (0 zero, 1 low, 2 high), first one lowest; reads none beyond `count`.
inline uint64_t load_classes(const uint8_t* classes, uint32_t count) {
  if (count >= 8) {
    uint64_t bytes;
    std::memcpy(&bytes, classes, 8);
    return bytes;
  }
  // Two loads that overlap.
  if (count >= 4) {
    uint32_t low, high;
    std::memcpy(&low, classes, 4);
    std::memcpy(&high, classes + count - 4, 4);
    return low | uint64_t{high} << (8 * (count - 4));
  }
  uint64_t bytes = 0;
  for (uint32_t i = 0; i < count; ++i) bytes |= uint64_t{classes[i]} << (8 * i);
  return bytes;
}

/// Gathers the lowest bit of each of the eight bytes into the low eight bits.
constexpr uint64_t gather_low_bits(uint64_t bytes) {
  return ((bytes & 0x0101010101010101u) * 0x0102040810204080u) >> 56;
}

/// Non-zero and high bits of up to 64 classes.
struct ClassWord {
  uint64_t nonzero = 0, high = 0;
};
inline ClassWord class_word(const uint8_t* classes, uint32_t count) {
  ClassWord word;
  for (uint32_t i = 0; i < count; i += 8) {
    const uint64_t bytes = load_classes(classes + i, count - i);
    word.high |= gather_low_bits(bytes >> 1) << i;
    word.nonzero |= gather_low_bits(bytes | bytes >> 1) << i;
  }
  return word;
}

}  // namespace backboard::npu::lnpu
