// DRAM: bytes, first timing model, counters.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "platform/bus/access.h"
#include "platform/bus/burst_run.h"
#include "platform/dram/dram_config.h"
#include "platform/dram/dram_counters.h"
#include "platform/dram/line_times.h"
#include "platform/dram/target/memory_target.h"
#include "platform/memory/backing_store.h"
#include "platform/stats/stats_writer.h"

namespace backboard {

/// DRAM of the size of its place in the memory map, a window on a part. Reads as zero after power-on. `timing: lt`: an
/// access is answered when its last burst has passed, by a closed form over the row state. `timing: at`
/// (`take_requests`): requests go to the command-level model; accesses, whose masters wait for nothing else, are served
/// by it in line. Direct accesses of the core cost constants at both levels and never touch the row state.
class Dram final : public BusTarget, public HasLineTimes, public BurstPort, public Saved, public HasStats {
 public:
  Dram(const DramConfig& config, uint64_t size_bytes);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  /// `lt` only.
  LineTimes* line_times() override { return target_ ? nullptr : &times_; }
  std::optional<DirectRegion> direct(uint64_t address) override;
  /// `lt` only; runs that leave the memory go burst by burst.
  BurstTotals carry(const BurstRuns& runs, BurstPacer& pacer) override;
  void state(StateArchive& archive) override;
  void stats(const StatsWriter& writer) const override;

  /// `timing: at`, once. Throws InputError when the command file cannot be written.
  void take_requests(EventQueue& queue);
  /// Null in `lt`.
  dram::MemoryTarget* requests() { return target_.get(); }
  const dram::MemoryTarget* requests() const { return target_.get(); }
  /// Statistics are up to `time_ps`: `at` issues the commands that are due by then.
  void settle(uint64_t time_ps);
  /// The first command that broke a rule, with `check_commands`; else a request that can never complete; else nothing.
  std::optional<std::string> fault() const;

  /// Bytes over time, by initiator; direct accesses of the core pass the DRAM by.
  const BandwidthBins& bandwidth() const { return times_.bandwidth; }

  /// So many traffic generators have columns in `bandwidth`.
  void set_generators(unsigned count) { times_.bandwidth.set_generators(count); }

  DramCounters counters(Initiator initiator) const;
  DramCounters total() const;

 private:
  class Watch;

  BusResponse serve_in_line(BusAccess& access, uint64_t& delay_ps);

  DramConfig config_;
  BackingStore store_;
  LineTimes times_;
  std::shared_ptr<Watch> watch_;  ///< file and checker of commands; null without
  std::unique_ptr<dram::MemoryTarget> target_;
  uint64_t settled_ps_ = 0;
};

}  // namespace backboard
