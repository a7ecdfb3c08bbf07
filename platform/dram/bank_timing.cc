#include "platform/dram/bank_timing.h"

#include <algorithm>

namespace backboard {

BankTiming::BankTiming(const DramConfig& config)
    : timing_(config.timing),
      banks_count_(config.banks),
      page_bytes_(config.page_bytes),
      burst_bytes_(config.burst_bytes),
      close_pages_(config.page_policy == PagePolicy::closed),
      banks_(config.banks) {
  const DramTimingConfig& t = timing_;
  // Data follow the last clock of their command by RL + DQSCK or WL + DQSS + DQS2DQ.
  const uint64_t last_clock = t.command > 0 ? t.command - 1 : 0;
  read_data_ = last_clock + t.rl + t.dqsck;
  write_data_ = last_clock + t.wl + t.dqss + t.dqs2dq;
  // RD -> WR: RL + DQSCK + burst - WL + WPRE + RPST between commands; on the bus, less where each one's data lie.
  read_to_write_ = t.wpre + t.rpst + t.dqss + t.dqs2dq;
  // WR -> RD: WL + 1 + burst + WTR between commands.
  const int64_t gap = int64_t{1} + t.wtr + t.rl + t.dqsck - t.dqss - t.dqs2dq;
  write_to_read_ = gap > 0 ? static_cast<uint64_t>(gap) : 0;
  // RD -> PRE: RTP + burst - 6. WR -> PRE: WL + 3 + burst + WR.
  read_to_precharge_ = t.rtp + t.burst > 6 ? t.rtp + t.burst - 6 : 0;
  write_to_precharge_ = t.wl + 3 + t.burst + t.wr;
}

uint64_t BankTiming::serve(bool write, uint64_t address, uint64_t size, uint64_t now, RowFacts& facts) {
  uint64_t done = now;
  uint64_t first = address / burst_bytes_ * burst_bytes_;
  const uint64_t end = address + size;
  while (first < end) {
    const uint64_t page = first / page_bytes_;
    const uint64_t stop = std::min(end, (page + 1) * page_bytes_);
    const uint64_t bursts = (stop - first + burst_bytes_ - 1) / burst_bytes_;
    done = serve_row(write, page % banks_count_, page / banks_count_, bursts, now, facts);
    first = stop;
  }
  return done;
}

/// Serves bursts of one row; returns when the last one's data has passed.
uint64_t BankTiming::serve_row(bool write, uint64_t bank_index, uint64_t row, uint64_t bursts, uint64_t now,
                               RowFacts& facts) {
  Bank& bank = banks_[bank_index];
  facts.bursts += bursts;
  while (true) {
    // The controller takes a clock to choose, and cannot use the bus before it is free.
    const uint64_t gap = last_write_ == write || bus_free_ == 0 ? 0 : (write ? read_to_write_ : write_to_read_);
    uint64_t column = now + 1;
    if (bus_free_ + gap > column + data_latency(write)) column = bus_free_ + gap - data_latency(write);

    // Refresh number k >= 1 occupies [k REFI, k REFI + RFC).
    const uint64_t epoch = column / timing_.refi;
    const uint64_t refresh_end = epoch == 0 ? 0 : epoch * timing_.refi + timing_.rfc;
    if (column < refresh_end) {
      column = refresh_end;
      ++facts.refresh_stalls;
    }
    if (bank.epoch != epoch) {  // the refresh closed the row
      bank.row = kNoRow;
      bank.epoch = epoch;
      bank.precharge_ready = bank.activate_ready = 0;
    }

    uint64_t hits = bursts;
    if (bank.row != row) {
      column = std::max(column, open_row(bank, row, now + 1, refresh_end, facts));
      --hits;
    }
    const uint64_t next_refresh = (epoch + 1) * timing_.refi;
    // Bursts whose command comes before the next refresh; the rest waits for it and opens the row again.
    const uint64_t before = column >= next_refresh ? 0 : (next_refresh - column + timing_.burst - 1) / timing_.burst;
    const uint64_t now_served = std::min(bursts, before);
    if (now_served > 0) {
      facts.row_hits += std::min(hits, now_served - (bursts - hits));
      const uint64_t last_column = column + (now_served - 1) * timing_.burst;
      bus_free_ = column + data_latency(write) + now_served * timing_.burst;
      last_write_ = write;
      bank.precharge_ready =
          std::max(bank.precharge_ready, last_column + (write ? write_to_precharge_ : read_to_precharge_));
      if (close_pages_) {
        bank.row = kNoRow;
        bank.activate_ready = bank.precharge_ready + (timing_.rp > 2 ? timing_.rp - 2 : 0);
      }
    }
    bursts -= now_served;
    if (bursts == 0) return bus_free_;
    now = next_refresh;
  }
}

/// Earliest clock for an activate by RRD and FAW.
uint64_t BankTiming::after_activates(uint64_t clock) const {
  if (activates_[3] != 0) clock = std::max(clock, activates_[3] - 1 + timing_.rrd);
  if (activates_[0] != 0) clock = std::max(clock, activates_[0] - 1 + timing_.faw);
  return clock;
}

/// Opens `row`, precharging where another is open; returns the earliest column command.
uint64_t BankTiming::open_row(Bank& bank, uint64_t row, uint64_t earliest, uint64_t refresh_end, RowFacts& facts) {
  uint64_t activate = std::max({earliest, refresh_end, bank.activate_ready});
  if (bank.row != kNoRow) {
    // PREpb -> ACT: RPpb - 2, for a precharge is two clocks shorter on the command bus than an activate.
    const uint64_t precharge = std::max({earliest, refresh_end, bank.precharge_ready});
    activate = precharge + (timing_.rp > 2 ? timing_.rp - 2 : 0);
    ++facts.precharges;
  }
  if (bank.last_activate != 0) activate = std::max(activate, bank.last_activate - 1 + timing_.rc);
  activate = after_activates(activate);
  std::rotate(activates_.begin(), activates_.begin() + 1, activates_.end());
  activates_[3] = activate + 1;
  bank.last_activate = activate + 1;
  bank.row = row;
  bank.precharge_ready = activate + timing_.ras + 2;  // ACT -> PRE
  bank.activate_ready = 0;
  ++facts.activates;
  return activate + timing_.rcd;
}

void BankTiming::state(StateArchive& archive) {
  archive.range("banks", std::span(banks_));
  archive.value("activates", activates_);
  archive.value("bus_free", bus_free_);
  archive.value("last_write", last_write_);
}

}  // namespace backboard
