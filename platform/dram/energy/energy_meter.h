// Energy of a rank by cause, from its commands and the currents of its data sheet.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/dram/device/command.h"
#include "platform/dram/standard/memory_config.h"
#include "platform/state/archive.h"
#include "platform/stats/stats_writer.h"

namespace backboard::dram {

/// Joule by cause. Core energy: without the interface's termination.
struct EnergyByCause {
  double activate = 0, precharge = 0, read = 0, write = 0, refresh = 0, background = 0;

  double total() const { return activate + precharge + read + write + refresh + background; }
  void add(const EnergyByCause& other);
  /// By cause, in picojoules.
  void stats(const StatsWriter& part) const;
};

/// What energy depends on: counts of commands and clocks of activity. A refresh counts as activity of its banks.
struct EnergyFacts {
  uint64_t activates = 0, precharges = 0;  ///< of banks
  uint64_t reads = 0, writes = 0, refreshes_all = 0, refreshes_bank = 0;
  uint64_t bank_active_clocks = 0;  ///< summed over banks
  uint64_t rank_active_clocks = 0;
  uint64_t active_down_clocks = 0, idle_down_clocks = 0;  ///< powered down with rows open, with none; not in the others
  uint64_t clocks = 0;                                    ///< whole time

  /// Adds the facts of another channel over the same time.
  void add_channel(const EnergyFacts& other);
};

/// Prices facts, summed over rails and devices, with DRAMPower's formulas (Chandrasekar et al., "Improved Power
/// Modeling of DDR SDRAMs", DSD 2011; Jung et al. for bank-wise background) with I_beta = IDD0 and rho = 1. A refresh
/// of one bank is taken as 1/banks of a refresh of all: an assumption of ours, data sheets rarely give its current.
/// Powered down a rank takes I3P with rows open and I2P without. A ninth device for check bytes takes its ninth part.
EnergyByCause energy_of(const EnergyFacts& facts, const MemoryConfig& config);

/// Counts the facts of one channel as its commands are issued. With StandbyKind::drampower a refresh of all banks ends
/// the rank's activity RFCab after its start, also that of a row which was opened up to two clocks earlier, as LPDDR4
/// allows: such a row counts again from the next activate.
class EnergyMeter {
 public:
  explicit EnergyMeter(const MemoryConfig& config);

  void issued(const IssuedCommand& command);
  /// The facts up to `clock`, which is not before the last command.
  EnergyFacts facts_at(uint64_t clock) const;
  void state(StateArchive& archive);

 private:
  void close(unsigned bank, uint64_t clock);
  void power_up(uint64_t clock);
  /// Clocks up to `clock` with a row open that are not to be counted.
  uint64_t uncounted(uint64_t clock) const { return clock > uncounted_since_ ? clock - uncounted_since_ : 0; }
  void count_again(uint64_t clock);

  static constexpr uint64_t kNever = UINT64_MAX;

  EnergyFacts facts_;
  uint64_t refresh_all_clocks_, refresh_bank_clocks_;
  std::vector<uint64_t> opened_;  ///< clock of each open bank's activate
  uint64_t open_ = 0;             ///< a bit for each open bank
  uint64_t rank_since_ = 0;       ///< some bank is open since
  bool refresh_ends_activity_;
  uint64_t refresh_end_ = 0;
  uint64_t uncounted_since_ = kNever;  ///< with a row open
  bool down_ = false;
  uint64_t down_since_ = 0;
};

}  // namespace backboard::dram
