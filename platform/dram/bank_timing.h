// When a DRAM with banks and open rows delivers: closed forms over the row state, in memory clocks.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

#include "platform/dram/energy/energy_meter.h"
#include "platform/dram/standard/gaps.h"
#include "platform/state/archive.h"

namespace backboard {

/// What one access did to the rows.
struct RowFacts {
  uint64_t bursts = 0;
  uint64_t row_hits = 0;  ///< bursts that found their row open
  uint64_t activates = 0;
  uint64_t precharges = 0;      ///< because another row was open
  uint64_t refresh_stalls = 0;  ///< times that a refresh was waited for
};

/// The first timing model (`timing: lt`): accesses are served in the order in which they are made. For each the model
/// computes when its row is open, from the times of the bank's last commands, and when the data bus is free; a group
/// of bursts in one row is one step. Refreshes of all banks stand at fixed times, every REFI, take RFC and close all
/// rows. Not modelled here: reordering, the command bus, the mapping of addresses (bytes of a page, then banks, then
/// rows), several channels, refreshes of single banks (all at once instead), what differs between bank groups, adaptive
/// pages (left open); the `at` controller has them. Distances between commands are those of gaps.h.
class BankTiming {
 public:
  explicit BankTiming(const dram::MemoryConfig& config);

  /// Serves `size` bytes at `address`, offered at clock `now`. Returns the clock at which the last burst's data has
  /// passed.
  uint64_t serve(bool write, uint64_t address, uint64_t size, uint64_t now, RowFacts& facts);

  /// What energy depends on, up to clock `now`: commands, and how long banks were active. Where all rows are kept open
  /// the rank counts as active from the first activate behind a refresh to the next refresh; with closed pages as long
  /// as its banks, which overlap less than at all.
  dram::EnergyFacts energy_facts(uint64_t now) const;

  void state(StateArchive& archive);

 private:
  struct Bank {
    uint64_t row = kNoRow;
    uint64_t epoch = 0;            ///< refresh interval in which `row` was opened
    uint64_t last_activate = 0;    ///< plus one; 0: never
    uint64_t precharge_ready = 0;  ///< earliest precharge by RAS, RTP and write recovery
    uint64_t activate_ready = 0;   ///< earliest activate after a precharge of ours
    uint64_t opened = 0;           ///< clock of the activate
  };
  static constexpr uint64_t kNoRow = UINT64_MAX;

  uint64_t serve_row(bool write, uint64_t bank_index, uint64_t row, uint64_t bursts, uint64_t now, RowFacts& facts);
  uint64_t open_row(Bank& bank, uint64_t row, uint64_t earliest, uint64_t refresh_end, RowFacts& facts);
  uint64_t after_activates(uint64_t clock) const;
  void close(const Bank& bank, uint64_t clock);
  uint64_t epoch_of(uint64_t clock) {
    // Most commands lie in the interval of the one before: a division less.
    if (clock - near_epoch_ * refi_ >= refi_) near_epoch_ = clock / refi_;
    return near_epoch_;
  }
  uint64_t refresh_after(uint64_t epoch) const { return (epoch + 1) * refi_; }
  uint64_t data_latency(bool write) const { return write ? write_data_ : read_data_; }

  dram::Gaps gaps_;
  uint64_t burst_, refi_, rfc_;
  uint32_t banks_count_;
  unsigned bank_bits_, page_bits_, burst_bits_;  ///< of the number of banks, and of the bytes of a page and a burst
  unsigned burst_clock_bits_;
  bool close_pages_;
  uint64_t read_data_, write_data_;         ///< command to first data
  uint64_t read_to_write_, write_to_read_;  ///< gap on the data bus, end to start

  std::vector<Bank> banks_;
  std::array<uint64_t, 4> activates_{};  ///< clocks plus one of the last four, oldest first
  uint64_t bus_free_ = 0;
  bool last_write_ = false;
  dram::EnergyFacts energy_;  ///< of rows that are closed again; commands of all
  uint64_t rank_epoch_ = 0;   ///< refresh interval of the last activates
  uint64_t rank_since_ = 0;   ///< the first of them, plus one; 0: none
  uint64_t near_epoch_ = 0;   ///< refresh interval asked for last; a hint, not state
};

}  // namespace backboard
