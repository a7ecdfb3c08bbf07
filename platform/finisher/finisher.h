// Test finisher, as in QEMU's virt machine: a write ends the simulation or resets the board.
#pragma once

#include "platform/bus/access.h"
#include "platform/bus/end_sink.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"

namespace backboard {

/// The finisher. 0x5555: passed; 0x3333 with a code above: failed (code 0 counts as 1, for a failure must not look like
/// a pass); 0x7777: reset. Other values are ignored with a finding. It has no state.
class Finisher final : public BusTarget {
 public:
  Finisher(EndSink& end, FindingSink& findings);
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void reset() { bank_.reset(); }

 private:
  void write(uint32_t value, const BusAccess& access);

  EndSink& end_;
  FindingSink& findings_;
  RegBank bank_;
  BusAccess* access_ = nullptr;  ///< being served
};

}  // namespace backboard
