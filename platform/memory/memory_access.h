// How a plain memory answers: one copy, after one check of the range.
#pragma once

#include <cstring>

#include "platform/bus/access.h"
#include "platform/memory/backing_store.h"

namespace backboard {

/// A copy whose size is mostly that of a cache's line.
inline void copy_line(uint8_t* to, const uint8_t* from, uint32_t size_bytes) {
  size_bytes == 64 ? std::memcpy(to, from, 64) : std::memcpy(to, from, size_bytes);
}

/// Copies between `store` and the access, but for bytes that are in place (a core's line that holds none of its own).
/// Nothing happens when the range leaves the memory (target error).
inline BusResponse copy_access(BackingStore& store, BusAccess& access) {
  if (!store.covers(access.address, access.size)) return BusResponse::target;
  uint8_t* place = store.bytes() + access.address;
  if (access.data == place) return BusResponse::ok;
  if (access.op == BusOp::read) {
    copy_line(access.data, place, access.size);
  } else {
    copy_line(place, access.data, access.size);
  }
  return BusResponse::ok;
}

}  // namespace backboard
