#include "platform/dram/bank_timing.h"

#include <algorithm>
#include <bit>

#include "platform/check/check.h"

namespace backboard {
namespace {

unsigned bits_of(uint64_t power_of_two) {
  BB_CHECK(std::has_single_bit(power_of_two), "{}", power_of_two);
  return static_cast<unsigned>(std::countr_zero(power_of_two));
}

}  // namespace

BankTiming::BankTiming(const dram::MemoryConfig& config)
    : gaps_(dram::resolve_gaps(config)),
      burst_(config.timing.burst),
      // Without refreshes the first never comes.
      refi_(config.controller.refresh == dram::RefreshKind::off ? uint64_t{1} << 62 : config.timing.refi),
      rfc_(config.timing.rfc_ab),
      banks_count_(config.all_banks()),
      bank_bits_(bits_of(config.all_banks())),
      page_bits_(bits_of(uint64_t{config.columns} * config.bus_bytes)),
      burst_bits_(bits_of(config.burst_bytes())),
      burst_clock_bits_(bits_of(config.timing.burst)),
      close_pages_(config.controller.page == dram::PageKind::closed),
      read_data_(gaps_.read_done - burst_),
      write_data_(gaps_.write_done - burst_),
      banks_(config.all_banks()) {
  // Between commands, less where each one's data lie and the burst: between the end of one's data and the other's.
  const auto between = [&](uint64_t commands, uint64_t from_data, uint64_t to_data) {
    const uint64_t start = commands + to_data, end = from_data + burst_;
    return start > end ? start - end : 0;
  };
  read_to_write_ = between(gaps_.read_to_write, read_data_, write_data_);
  write_to_read_ = between(gaps_.write_to_read_l, write_data_, read_data_);
}

/// A row that was open until `clock`.
void BankTiming::close(const Bank& bank, uint64_t clock) {
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
  const uint64_t epoch = epoch_of(activate);
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

/// Serves bursts of one row; returns when the last one's data has passed.
[[gnu::always_inline]] inline uint64_t BankTiming::serve_row(bool write, uint64_t bank_index, uint64_t row,
                                                             uint64_t bursts, uint64_t now, RowFacts& facts) {
  Bank& bank = banks_[bank_index];
  facts.bursts += bursts;
  (write ? energy_.writes : energy_.reads) += bursts;
  while (true) {
    // The controller takes a clock to choose, and cannot use the bus before it is free.
    const uint64_t gap = last_write_ == write || bus_free_ == 0 ? 0 : (write ? read_to_write_ : write_to_read_);
    uint64_t column = now + 1;
    if (bus_free_ + gap > column + data_latency(write)) column = bus_free_ + gap - data_latency(write);

    // Refresh number k >= 1 occupies [k REFI, k REFI + RFC).
    const uint64_t epoch = epoch_of(column);
    const uint64_t refresh_end = epoch == 0 ? 0 : epoch * refi_ + rfc_;
    if (column < refresh_end) {
      column = refresh_end;
      ++facts.refresh_stalls;
    }
    if (bank.epoch != epoch) {  // the refresh closed the row
      if (bank.row != kNoRow) close(bank, refresh_after(bank.epoch));
      bank.row = kNoRow;
      bank.epoch = epoch;
      bank.precharge_ready = bank.activate_ready = 0;
    }

    uint64_t hits = bursts;
    if (bank.row != row) {
      column = std::max(column, open_row(bank, row, now + 1, refresh_end, facts));
      --hits;
    }
    const uint64_t next_refresh = (epoch + 1) * refi_;
    // Bursts whose command comes before the next refresh; the rest waits for it and opens the row again.
    const uint64_t before = column >= next_refresh ? 0 : ((next_refresh - column - 1) >> burst_clock_bits_) + 1;
    const uint64_t now_served = std::min(bursts, before);
    if (now_served > 0) {
      facts.row_hits += std::min(hits, now_served - (bursts - hits));
      const uint64_t last_column = column + (now_served - 1) * burst_;
      bus_free_ = column + data_latency(write) + now_served * burst_;
      last_write_ = write;
      bank.precharge_ready =
          std::max(bank.precharge_ready, last_column + (write ? gaps_.write_to_precharge : gaps_.read_to_precharge));
      if (close_pages_) {
        close(bank, bank.precharge_ready);
        bank.row = kNoRow;
        bank.activate_ready = bank.precharge_ready + gaps_.precharge_pb_to_activate;
      }
    }
    bursts -= now_served;
    if (bursts == 0) return bus_free_;
    now = next_refresh;
  }
}

uint64_t BankTiming::serve(bool write, uint64_t address, uint64_t size, uint64_t now, RowFacts& facts) {
  uint64_t done = now;
  uint64_t first = address >> burst_bits_ << burst_bits_;
  const uint64_t end = address + size;
  while (first < end) {
    const uint64_t page = first >> page_bits_;
    const uint64_t stop = std::min(end, (page + 1) << page_bits_);
    const uint64_t bursts = ((stop - first - 1) >> burst_bits_) + 1;
    done = serve_row(write, page & (banks_count_ - 1), page >> bank_bits_, bursts, now, facts);
    first = stop;
  }
  return done;
}

dram::EnergyFacts BankTiming::energy_facts(uint64_t now) const {
  dram::EnergyFacts facts = energy_;
  for (const Bank& bank : banks_) {
    if (bank.row == kNoRow) continue;
    const uint64_t until = std::min(now, refresh_after(bank.epoch));
    if (until > bank.opened) facts.bank_active_clocks += until - bank.opened;
    if (now >= refresh_after(bank.epoch)) ++facts.precharges;
  }
  if (rank_since_ != 0) {
    const uint64_t until = std::min(now, refresh_after(rank_epoch_));
    if (until >= rank_since_) facts.rank_active_clocks += until - (rank_since_ - 1);
  }
  facts.rank_active_clocks = std::min(facts.rank_active_clocks, facts.bank_active_clocks);
  facts.refreshes_all = now / refi_;
  // A refresh counts as activity of all banks.
  facts.bank_active_clocks += facts.refreshes_all * rfc_ * banks_count_;
  facts.rank_active_clocks += facts.refreshes_all * rfc_;
  facts.clocks = std::max(now, facts.rank_active_clocks);
  return facts;
}

void BankTiming::state(StateArchive& archive) {
  archive.range("banks", std::span(banks_));
  archive.value("activates", activates_);
  archive.value("bus_free", bus_free_);
  archive.value("last_write", last_write_);
  archive.value("energy", energy_);
  archive.value("rank_epoch", rank_epoch_);
  archive.value("rank_since", rank_since_);
}

}  // namespace backboard
