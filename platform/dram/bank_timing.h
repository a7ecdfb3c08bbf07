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

  // Lines of caches: `size` bytes, a power of two, at a multiple of it.
  /// Whether each lies in one row.
  bool has_lines(uint32_t size) const { return size <= uint64_t{1} << page_bits_; }
  uint64_t bursts_of_line(uint32_t size) const { return std::max<uint64_t>(1, size >> burst_bits_); }
  /// Like `serve`, but that the bursts are not counted. `facts`: activates, precharges and refresh_stalls are added to,
  /// and row_hits loses what count_bursts adds too much.
  template <bool kWrite, class Facts>
  uint64_t serve_line(uint64_t address, uint64_t bursts, uint64_t now, Facts& facts);
  /// Counts bursts that were served, as if all had found their row open.
  void count_bursts(bool write, uint64_t bursts, RowFacts& facts) {
    facts.bursts += bursts;
    facts.row_hits += bursts;
    (write ? energy_.writes : energy_.reads) += bursts;
  }

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

  uint64_t serve_rows(bool write, uint64_t address, uint64_t size, uint64_t now, RowFacts& facts);
  template <bool kWrite, class Facts>
  uint64_t serve_row(uint64_t page, uint64_t bursts, uint64_t now, Facts& facts);
  template <bool kWrite, class Facts>
  [[gnu::noinline]] uint64_t serve_closely(Bank& bank, uint64_t row, uint64_t bursts, uint64_t column, uint64_t now,
                                           Facts& facts);
  template <bool kWrite, class Facts>
  uint64_t serve_until_refresh(Bank& bank, uint64_t row, uint64_t bursts, uint64_t column, uint64_t& now, Facts& facts);
  template <class Facts>
  uint64_t open_row(Bank& bank, uint64_t row, uint64_t earliest, Facts& facts);
  template <bool kWrite>
  uint64_t earliest_column(uint64_t now) const;
  template <bool kWrite>
  uint64_t pass(Bank& bank, uint64_t column, uint64_t bursts);
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
  std::array<uint64_t, 4> activates_{};  ///< clocks plus one of the last four, in turns
  uint32_t oldest_activate_ = 0;         ///< of them
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
  const uint64_t last = activates_[(oldest_activate_ + 3) % 4], oldest = activates_[oldest_activate_];
  if (last != 0) clock = std::max(clock, last - 1 + gaps_.activate_to_activate_l);
  if (oldest != 0) clock = std::max(clock, oldest - 1 + gaps_.activate_window);
  return clock;
}

/// By the controller, which takes a clock to choose, and cannot use the bus before it is free.
template <bool kWrite>
[[gnu::always_inline]] inline uint64_t BankTiming::earliest_column(uint64_t now) const {
  const uint64_t gap = last_write_ == kWrite || bus_free_ == 0 ? 0 : (kWrite ? read_to_write_ : write_to_read_);
  return std::max(now + 1 + data_latency(kWrite), bus_free_ + gap) - data_latency(kWrite);
}

/// Bursts of the open row, from the first one's command on. Returns when the last one's data has passed.
template <bool kWrite>
[[gnu::always_inline]] inline uint64_t BankTiming::pass(Bank& bank, uint64_t column, uint64_t bursts) {
  const uint64_t end = column + (bursts << burst_clock_bits_);
  const uint64_t to_precharge = kWrite ? gaps_.write_to_precharge : gaps_.read_to_precharge;
  bank.precharge_ready = std::max(bank.precharge_ready, end - burst_ + to_precharge);
  last_write_ = kWrite;
  return bus_free_ = end + data_latency(kWrite);
}

/// Opens `row`, precharging where another is open, by commands from `earliest` on; returns the earliest column command.
template <class Facts>
[[gnu::always_inline]] inline uint64_t BankTiming::open_row(Bank& bank, uint64_t row, uint64_t earliest, Facts& facts) {
  uint64_t activate = std::max(earliest, bank.activate_ready);
  if (bank.row != kNoRow) {
    const uint64_t precharge = std::max(earliest, bank.precharge_ready);
    activate = precharge + gaps_.precharge_pb_to_activate;
    ++facts.precharges;
    close(bank, precharge);
  }
  if (bank.last_activate != 0) activate = std::max(activate, bank.last_activate - 1 + gaps_.activate_to_activate_same);
  activate = after_activates(activate);
  activates_[oldest_activate_] = activate + 1;
  oldest_activate_ = (oldest_activate_ + 1) % 4;
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
/// Returns how many are left; they wait for that refresh, which is at `now` then. `column`: earliest_column at `now`.
template <bool kWrite, class Facts>
[[gnu::always_inline]] inline uint64_t BankTiming::serve_until_refresh(Bank& bank, uint64_t row, uint64_t bursts,
                                                                       uint64_t column, uint64_t& now, Facts& facts) {
  // Refresh number k >= 1 occupies [k REFI, k REFI + RFC).
  const Interval& interval = interval_of(column);
  const uint64_t refresh_end = interval.refresh_end, next_refresh = interval.next_refresh, epoch = interval.epoch;
  if (column < refresh_end) [[unlikely]] {
    column = refresh_end;
    ++facts.refresh_stalls;
  }
  if (bank.epoch != epoch) [[unlikely]] {  // the refresh closed the row
    if (bank.row != kNoRow) close(bank, refresh_after(bank.epoch));
    bank.row = kNoRow;
    bank.epoch = epoch;
    bank.precharge_ready = bank.activate_ready = 0;
  }

  const bool opened = bank.row != row;
  if (opened) {
    column = std::max(column, open_row(bank, row, std::max(now + 1, refresh_end), facts));
    --facts.row_hits;
  }
  uint64_t served = bursts;
  if (column + ((bursts - 1) << burst_clock_bits_) >= next_refresh) [[unlikely]] {
    now = next_refresh;
    if (column >= next_refresh) {
      facts.row_hits += opened;  // no burst was served, so none that found no row
      return bursts;
    }
    served = ((next_refresh - column - 1) >> burst_clock_bits_) + 1;
  }
  pass<kWrite>(bank, column, served);
  if (close_pages_) {
    close(bank, bank.precharge_ready);
    bank.row = kNoRow;
    bank.activate_ready = bank.precharge_ready + gaps_.precharge_pb_to_activate;
  }
  return bursts - served;
}

/// What serve_row does not foresee: the row is to be opened, or a refresh lies near.
template <bool kWrite, class Facts>
uint64_t BankTiming::serve_closely(Bank& bank, uint64_t row, uint64_t bursts, uint64_t column, uint64_t now,
                                   Facts& facts) {
  for (;;) {
    bursts = serve_until_refresh<kWrite>(bank, row, bursts, column, now, facts);
    if (bursts == 0) [[likely]]
      return bus_free_;
    column = earliest_column<kWrite>(now);
  }
}

/// Serves bursts of one row, which are counted apart; returns when the last one's data has passed.
template <bool kWrite, class Facts>
[[gnu::always_inline]] inline uint64_t BankTiming::serve_row(uint64_t page, uint64_t bursts, uint64_t now,
                                                             Facts& facts) {
  Bank& bank = banks_[page & (banks_count_ - 1)];
  const uint64_t row = page >> bank_bits_;
  const uint64_t column = earliest_column<kWrite>(now);
  const uint64_t last_column = column + ((bursts - 1) << burst_clock_bits_);
  // A row that is open stays open up to the end of the interval between two refreshes that was asked for last.
  if (bank.row == row && bank.epoch == near_.epoch && column >= near_.refresh_end && last_column < near_.next_refresh) {
    return pass<kWrite>(bank, column, bursts);
  }
  return serve_closely<kWrite>(bank, row, bursts, column, now, facts);
}

[[gnu::always_inline]] inline uint64_t BankTiming::serve(bool write, uint64_t address, uint64_t size, uint64_t now,
                                                         RowFacts& facts) {
  const uint64_t only_page = address >> page_bits_;
  if ((address + size - 1) >> page_bits_ == only_page) [[likely]] {
    const uint64_t bursts = ((address + size - 1) >> burst_bits_) - (address >> burst_bits_) + 1;
    count_bursts(write, bursts, facts);
    return write ? serve_row<true>(only_page, bursts, now, facts) : serve_row<false>(only_page, bursts, now, facts);
  }
  return serve_rows(write, address, size, now, facts);
}

template <bool kWrite, class Facts>
[[gnu::always_inline]] inline uint64_t BankTiming::serve_line(uint64_t address, uint64_t bursts, uint64_t now,
                                                              Facts& facts) {
  return serve_row<kWrite>(address >> page_bits_, bursts, now, facts);
}

}  // namespace backboard
