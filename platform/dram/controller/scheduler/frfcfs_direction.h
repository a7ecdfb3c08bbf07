// FR-FCFS that turns the data bus only when a row has nothing more in its direction.
#pragma once

#include "platform/dram/controller/scheduler/scheduler.h"

namespace backboard::dram {

/// Of the requests to the open row the oldest in the direction of the channel's last burst, then the oldest at all;
/// without one, the oldest of the bank. A request never passes an older one of the other direction to the same burst.
/// It needs no watermarks and delays no request whose row is closed; DRAMSys calls the same order FrFcfsGrp.
class FrFcfsDirection final : public Scheduler {
 public:
  bool served(const BurstRequest& request) override;
  Slot select(const RequestBuffer& buffer, unsigned bank, uint32_t row) const override;
  void state(StateArchive& archive) override { archive.value("writing", writing_); }

 private:
  bool writing_ = false;
};

}  // namespace backboard::dram
