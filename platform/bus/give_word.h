// What a device answers past its register bank.
#pragma once

#include <cstdint>

#include "platform/bus/access.h"

namespace backboard {

/// Answers a read of four bytes with a register's value, little-endian.
inline void give_word(const BusAccess& access, uint32_t value) {
  for (uint32_t i = 0; i < 4; ++i) access.data[i] = static_cast<uint8_t>(value >> (8 * i));
}

}  // namespace backboard
