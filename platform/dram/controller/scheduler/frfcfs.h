// First ready, first come, first served (Rixner et al., "Memory Access Scheduling", ISCA 2000).
#pragma once

#include "platform/dram/controller/scheduler/scheduler.h"

namespace backboard::dram {

/// The oldest request to the open row, else the oldest.
class FrFcfs final : public Scheduler {
 public:
  Slot select(const RequestBuffer& buffer, unsigned bank, uint32_t row) const override {
    for (Slot slot = buffer.first(bank); slot != kNoSlot; slot = buffer.next(slot)) {
      if (buffer.at(slot).request.row == row) return slot;
    }
    return buffer.first(bank);
  }
};

}  // namespace backboard::dram
