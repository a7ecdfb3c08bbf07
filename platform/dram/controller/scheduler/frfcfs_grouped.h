// FR-FCFS with reads and writes in groups, so that the data bus turns less often.
#pragma once

#include "platform/dram/controller/scheduler/scheduler.h"

namespace backboard::dram {

/// Serves one direction at a time: reads until `write_high` writes wait or no read does, then writes until only
/// `write_low` are left while reads wait. A request never passes an older one of the other direction to the same burst;
/// a direction in which everything waits for the other yields.
class FrFcfsGrouped final : public Scheduler {
 public:
  FrFcfsGrouped(const ControllerConfig& config, unsigned banks)
      : high_(config.write_high), low_(config.write_low), banks_(banks) {}

  bool buffer_changed(const RequestBuffer& buffer) override;
  Slot select(const RequestBuffer& buffer, unsigned bank, uint32_t row) const override;
  void state(StateArchive& archive) override { archive.value("writing", writing_); }

 private:
  bool anything_to_do(const RequestBuffer& buffer) const;

  uint32_t high_, low_;
  unsigned banks_;
  bool writing_ = false;
};

}  // namespace backboard::dram
