// DRAM: bytes, first timing model, counters.
#pragma once

#include <array>
#include <cstdint>

#include "platform/bus/access.h"
#include "platform/dram/bank_timing.h"
#include "platform/dram/dram_config.h"
#include "platform/memory/backing_store.h"
#include "platform/stats/stats_writer.h"

namespace backboard {

/// What the DRAM itself counted for one initiator. Direct accesses of the core pass it by: the board adds them.
struct DramCounters {
  uint64_t read_bytes = 0;  ///< as asked for
  uint64_t write_bytes = 0;
  uint64_t reads = 0;  ///< transactions
  uint64_t writes = 0;
  uint64_t read_bursts = 0;  ///< bursts move whole burst_bytes
  uint64_t write_bursts = 0;
  uint64_t row_hits = 0;  ///< bursts
  uint64_t activates = 0;
  uint64_t precharges = 0;
  uint64_t refresh_stalls = 0;
};

/// One channel of DRAM of the size of its place in the memory map. Reads as zero after power-on. An access is answered
/// when its last burst has passed; the core's direct accesses cost constants and do not touch the row state.
class Dram final : public BusTarget, public Saved, public HasStats {
 public:
  Dram(const DramConfig& config, uint64_t size_bytes);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t address) override;
  void state(StateArchive& archive) override;
  void stats(const StatsWriter& writer) const override;

  DramCounters counters(Initiator initiator) const { return counters_[static_cast<size_t>(initiator)]; }
  DramCounters total() const;

 private:
  uint64_t clock_at(uint64_t time_ps) const;
  uint64_t time_at(uint64_t clock) const;

  DramConfig config_;
  uint64_t period_ps_;  ///< of the clock where it is whole, else 0
  BackingStore store_;
  BankTiming timing_;
  std::array<DramCounters, kInitiators> counters_{};
};

}  // namespace backboard
