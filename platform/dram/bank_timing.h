// When a DRAM with banks and open rows delivers: closed forms over the row state, in memory clocks.
#pragma once

#include <algorithm>
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

  RowFacts& operator+=(const RowFacts& other) {
    bursts += other.bursts;
    row_hits += other.row_hits;
    activates += other.activates;
    precharges += other.precharges;
    refresh_stalls += other.refresh_stalls;
    return *this;
  }
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

  /// Serves `size` bytes, at least one, at `address`, offered at clock `now`. Returns the clock at which the last
  /// burst's data has passed.
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

  // What a line seldom needs gives its facts, so that those of all others stay in registers.
  RowFacts serve_rows(bool write, uint64_t address, uint64_t size, uint64_t now);
  RowFacts serve_behind_refresh(bool write, Bank& bank, uint64_t row, uint64_t bursts, uint64_t now);
  uint64_t serve_row(bool write, uint64_t bank_index, uint64_t row, uint64_t bursts, uint64_t now, RowFacts& facts);
  uint64_t serve_until_refresh(bool write, Bank& bank, uint64_t row, uint64_t bursts, uint64_t& now, RowFacts& facts);
  uint64_t open_row(Bank& bank, uint64_t row, uint64_t earliest, uint64_t refresh_end, RowFacts& facts);
  uint64_t after_activates(uint64_t clock) const;
  void close(const Bank& bank, uint64_t clock);
  /// What lies between two refreshes.
  struct Interval {
    uint64_t epoch = 0;        ///< so many refreshes came before
    uint64_t refresh_end = 0;  ///< of the last of them; 0: there was none
    uint64_t next_refresh = 0;
  };
  const Interval& interval_of(uint64_t clock) {
    // Most commands lie in the interval of the one before: a division less. Unsigned: what lies before is far behind.
    if (clock + refi_ - near_.next_refresh >= refi_) [[unlikely]] {
      const uint64_t epoch = clock / refi_;
      near_ = {epoch, epoch == 0 ? 0 : epoch * refi_ + rfc_, refresh_after(epoch)};
    }
    return near_;
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
  Interval near_;             ///< asked for last; a hint, not state
};

// In the header, for a line that a cache misses is not worth a call.

/// A row that was open until `clock`.
inline void BankTiming::close(const Bank& bank, uint64_t clock) {
  ++energy_.precharges;
  if (clock > bank.opened) energy_.bank_active_clocks += clock - bank.opened;
}

/// Earliest clock for an activate by RRD and FAW.
[[gnu::always_inline]] inline uint64_t BankTiming::after_activates(uint64_t clock) const {
  if (activates_[3] != 0) clock = std::max(clock, activates_[3] - 1 + gaps_.activate_to_activate_l);
  if (activates_[0] != 0) clock = std::max(clock, activates_[0] - 1 + gaps_.activate_window);
  return clock;
}

/// Opens `row`, precharging where another is open; returns the earliest column command.
[[gnu::always_inline]] inline uint64_t BankTiming::open_row(Bank& bank, uint64_t row, uint64_t earliest,
                                                            uint64_t refresh_end, RowFacts& facts) {
  uint64_t activate = std::max({earliest, refresh_end, bank.activate_ready});
  if (bank.row != kNoRow) {
    const uint64_t precharge = std::max({earliest, refresh_end, bank.precharge_ready});
    activate = precharge + gaps_.precharge_pb_to_activate;
    ++facts.precharges;
    close(bank, precharge);
  }
  if (bank.last_activate != 0) activate = std::max(activate, bank.last_activate - 1 + gaps_.activate_to_activate_same);
  activate = after_activates(activate);
  activates_ = {activates_[1], activates_[2], activates_[3], activate + 1};
  bank.last_activate = activate + 1;
  bank.row = row;
  bank.opened = activate;
  ++energy_.activates;
  const uint64_t epoch = interval_of(activate).epoch;
  if (rank_since_ == 0 || epoch != rank_epoch_) {
    if (rank_since_ != 0) energy_.rank_active_clocks += refresh_after(rank_epoch_) - (rank_since_ - 1);
    rank_epoch_ = epoch;
    rank_since_ = activate + 1;
  }
  bank.precharge_ready = activate + gaps_.activate_to_precharge;
  bank.activate_ready = 0;
  ++facts.activates;
  return activate + gaps_.activate_to_column;
}

/// Serves the bursts of one row whose commands come before the next refresh, in whose interval the first one may be.
/// Returns how many are left; they wait for that refresh, which is at `now` then.
[[gnu::always_inline]] inline uint64_t BankTiming::serve_until_refresh(bool write, Bank& bank, uint64_t row,
                                                                       uint64_t bursts, uint64_t& now,
                                                                       RowFacts& facts) {
  // The controller takes a clock to choose, and cannot use the bus before it is free.
  const uint64_t gap = last_write_ == write || bus_free_ == 0 ? 0 : (write ? read_to_write_ : write_to_read_);
  uint64_t column = std::max(now + 1 + data_latency(write), bus_free_ + gap) - data_latency(write);

  // Refresh number k >= 1 occupies [k REFI, k REFI + RFC).
  const Interval& interval = interval_of(column);
  const uint64_t epoch = interval.epoch, refresh_end = interval.refresh_end, next_refresh = interval.next_refresh;
  if (column < refresh_end) [[unlikely]] {
    column = refresh_end;
    ++facts.refresh_stalls;
  }
  if (bank.epoch != epoch) {  // the refresh closed the row
    if (bank.row != kNoRow) close(bank, refresh_after(bank.epoch));
    bank.row = kNoRow;
    bank.epoch = epoch;
    bank.precharge_ready = bank.activate_ready = 0;
  }

  uint64_t opened = 0;
  if (bank.row != row) {
    column = std::max(column, open_row(bank, row, now + 1, refresh_end, facts));
    opened = 1;
  }
  uint64_t served = bursts;
  if (column + ((bursts - 1) << burst_clock_bits_) >= next_refresh) [[unlikely]] {
    now = next_refresh;
    if (column >= next_refresh) return bursts;
    served = ((next_refresh - column - 1) >> burst_clock_bits_) + 1;
  }
  facts.row_hits += served - opened;
  const uint64_t data_clocks = served << burst_clock_bits_;
  bus_free_ = column + data_latency(write) + data_clocks;
  last_write_ = write;
  const uint64_t last_column = column + data_clocks - burst_;
  bank.precharge_ready =
      std::max(bank.precharge_ready, last_column + (write ? gaps_.write_to_precharge : gaps_.read_to_precharge));
  if (close_pages_) {
    close(bank, bank.precharge_ready);
    bank.row = kNoRow;
    bank.activate_ready = bank.precharge_ready + gaps_.precharge_pb_to_activate;
  }
  return bursts - served;
}

/// Serves bursts of one row; returns when the last one's data has passed.
[[gnu::always_inline]] inline uint64_t BankTiming::serve_row(bool write, uint64_t bank_index, uint64_t row,
                                                             uint64_t bursts, uint64_t now, RowFacts& facts) {
  Bank& bank = banks_[bank_index];
  facts.bursts += bursts;
  (write ? energy_.writes : energy_.reads) += bursts;
  const uint64_t left = serve_until_refresh(write, bank, row, bursts, now, facts);
  if (left != 0) [[unlikely]]
    facts += serve_behind_refresh(write, bank, row, left, now);
  return bus_free_;
}

[[gnu::always_inline]] inline uint64_t BankTiming::serve(bool write, uint64_t address, uint64_t size, uint64_t now,
                                                         RowFacts& facts) {
  const uint64_t only_page = address >> page_bits_;
  if ((address + size - 1) >> page_bits_ == only_page) [[likely]] {
    const uint64_t bursts = ((address + size - 1) >> burst_bits_) - (address >> burst_bits_) + 1;
    return serve_row(write, only_page & (banks_count_ - 1), only_page >> bank_bits_, bursts, now, facts);
  }
  facts += serve_rows(write, address, size, now);
  return bus_free_;
}

}  // namespace backboard
