// First come, first served.
#pragma once

#include "platform/dram/controller/scheduler/scheduler.h"

namespace backboard::dram {

/// Each bank serves its requests in order of arrival.
class Fifo final : public Scheduler {
 public:
  Slot select(const RequestBuffer& buffer, unsigned bank, uint32_t) const override { return buffer.first(bank); }
};

}  // namespace backboard::dram
