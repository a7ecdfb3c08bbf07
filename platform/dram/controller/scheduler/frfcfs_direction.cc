#include "platform/dram/controller/scheduler/frfcfs_direction.h"

#include <utility>

namespace backboard::dram {

bool FrFcfsDirection::served(const BurstRequest& request) {
  return std::exchange(writing_, request.write) != request.write;
}

Slot FrFcfsDirection::select(const RequestBuffer& buffer, unsigned bank, uint32_t row) const {
  Slot hit = kNoSlot;
  for (Slot slot = buffer.first(bank); slot != kNoSlot; slot = buffer.next(slot)) {
    const BurstRequest& request = buffer.at(slot).request;
    if (request.row != row) continue;
    // Before the first hit of the other direction there is nothing to pass.
    if (request.write == writing_ && (hit == kNoSlot || !buffer.must_wait(slot))) return slot;
    if (hit == kNoSlot) hit = slot;
  }
  return hit != kNoSlot ? hit : buffer.first(bank);
}

}  // namespace backboard::dram
