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

/// Several rows, one after the other.
uint64_t BankTiming::serve_rows(bool write, uint64_t address, uint64_t size, uint64_t now, RowFacts& facts) {
  uint64_t first = address >> burst_bits_ << burst_bits_;
  const uint64_t end = address + size;
  while (first < end) {
    const uint64_t page = first >> page_bits_;
    const uint64_t stop = std::min(end, (page + 1) << page_bits_);
    const uint64_t bursts = ((stop - first - 1) >> burst_bits_) + 1;
    count_bursts(write, bursts, facts);
    write ? serve_row<true>(page, bursts, now, facts) : serve_row<false>(page, bursts, now, facts);
    first = stop;
  }
  return bus_free_;
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
  std::array<uint64_t, 4> oldest_first = activates_;
  std::rotate(oldest_first.begin(), oldest_first.begin() + oldest_activate_, oldest_first.end());
  archive.value("activates", oldest_first);
  if (archive.reading()) {
    activates_ = oldest_first;
    oldest_activate_ = 0;
  }
  archive.value("bus_free", bus_free_);
  archive.value("last_write", last_write_);
  archive.value("energy", energy_);
  archive.value("rank_epoch", rank_epoch_);
  archive.value("rank_since", rank_since_);
}

}  // namespace backboard
