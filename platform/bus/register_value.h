// A register's value as the bus carries it: little-endian, in the 1 to 4 bytes of an access.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>

#include "platform/bus/access.h"

namespace backboard {

static_assert(std::endian::native == std::endian::little);

/// What a write of `access.size` bytes, at most four, brings.
inline uint32_t value_of(const BusAccess& access) {
  uint32_t value = 0;
  if (access.size == 4) {
    std::memcpy(&value, access.data, 4);
  } else if (access.size == 1) {
    value = *access.data;
  } else {
    std::memcpy(&value, access.data, access.size);
  }
  return value;
}

/// Answers a read of at most four bytes. A word is stored in one piece: a core that polls loads it as one right behind,
/// and the host would wait for single bytes to leave its store buffer.
inline void give_value(const BusAccess& access, uint32_t value) {
  if (access.size == 4) {
    std::memcpy(access.data, &value, 4);
  } else if (access.size == 1) {
    *access.data = static_cast<uint8_t>(value);
  } else {
    std::memcpy(access.data, &value, access.size);
  }
}

}  // namespace backboard
