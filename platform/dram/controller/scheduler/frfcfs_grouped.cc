#include "platform/dram/controller/scheduler/frfcfs_grouped.h"

namespace backboard::dram {

Slot FrFcfsGrouped::select(const RequestBuffer& buffer, unsigned bank, uint32_t row) const {
  Slot oldest = kNoSlot;
  bool passes_others = false;
  for (Slot slot = buffer.first(bank); slot != kNoSlot; slot = buffer.next(slot)) {
    const BurstRequest& request = buffer.at(slot).request;
    if (request.write != writing_) {
      passes_others = true;
      continue;
    }
    if (request.row != row && oldest != kNoSlot) continue;
    if (passes_others && buffer.must_wait(slot)) continue;
    if (request.row == row) return slot;
    oldest = slot;
  }
  return oldest;
}

bool FrFcfsGrouped::anything_to_do(const RequestBuffer& buffer) const {
  for (unsigned bank = 0; bank < banks_; ++bank) {
    if (select(buffer, bank, UINT32_MAX) != kNoSlot) return true;
  }
  return false;
}

bool FrFcfsGrouped::buffer_changed(const RequestBuffer& buffer) {
  const bool before = writing_;
  if (writing_) {
    if (buffer.writes() == 0 || (buffer.writes() <= low_ && buffer.reads() > 0)) writing_ = false;
  } else {
    if (buffer.writes() >= high_ || (buffer.reads() == 0 && buffer.writes() > 0)) writing_ = true;
  }
  // The oldest request of all waits for nobody, so the other direction has something to do.
  if (!buffer.empty() && !anything_to_do(buffer)) writing_ = !writing_;
  return writing_ != before;
}

}  // namespace backboard::dram
