// How a plain memory answers: one copy, after one check of the range.
#pragma once

#include <cstring>

#include "platform/bus/access.h"
#include "platform/memory/backing_store.h"

namespace backboard {

/// Copies between `store` and the access. Nothing happens when the range leaves the memory (target error).
inline BusResponse copy_access(BackingStore& store, BusAccess& access) {
  if (!store.covers(access.address, access.size)) return BusResponse::target;
  uint8_t* place = store.bytes() + access.address;
  if (access.op == BusOp::read) {
    std::memcpy(access.data, place, access.size);
  } else {
    std::memcpy(place, access.data, access.size);
  }
  return BusResponse::ok;
}

}  // namespace backboard
