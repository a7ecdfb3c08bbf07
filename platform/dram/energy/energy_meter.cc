#include "platform/dram/energy/energy_meter.h"

#include <bit>

namespace backboard::dram {

void EnergyByCause::add(const EnergyByCause& other) {
  activate += other.activate;
  precharge += other.precharge;
  read += other.read;
  write += other.write;
  refresh += other.refresh;
  background += other.background;
}

void EnergyByCause::stats(const StatsWriter& part) const {
  part.real("activate", activate * 1e12, "pJ", "Opening rows");
  part.real("precharge", precharge * 1e12, "pJ", "Closing rows");
  part.real("read", read * 1e12, "pJ", "Bursts read, without the interface");
  part.real("write", write * 1e12, "pJ", "Bursts written, without the interface");
  part.real("refresh", refresh * 1e12, "pJ", "Refreshes");
  part.real("background", background * 1e12, "pJ", "Standby");
  part.real("total", total() * 1e12, "pJ", "Core energy of the DRAM");
}

EnergyByCause energy_of(const EnergyFacts& facts, const MemoryConfig& config) {
  const MemoryTiming& t = config.timing;
  const double clock_s = 1.0 / static_cast<double>(config.clock_hz);
  const double banks = config.all_banks();
  const auto count = [](uint64_t n) { return static_cast<double>(n); };
  const double rp = t.rp_pb, ras = t.ras;
  EnergyByCause sum;
  for (const Rail& r : config.rails) {
    const double devices = config.controller.ecc == EccKind::side_band ? config.devices * 1.125 : config.devices;
    const double unit = r.volt * clock_s * devices;  // joule for one ampere during one clock
    const double i_beta = r.i0, rho = 1.0;
    const double i_theta = (r.i0 * (rp + ras) - i_beta * rp) / ras;
    const double i_rho = rho * (r.i3n - r.i2n) + r.i2n;
    const double i_all = i_rho + banks * (r.i3n - i_rho);  // all banks active
    const double refreshes = count(facts.refreshes_all) + count(facts.refreshes_bank) / banks;
    EnergyByCause e;
    e.activate = unit * (i_theta - r.i3n) * ras * count(facts.activates);
    e.precharge = unit * (i_beta - r.i2n) * rp * count(facts.precharges);
    e.read = unit * (r.i4r - r.i3n) * t.burst * count(facts.reads);
    e.write = unit * (r.i4w - r.i3n) * t.burst * count(facts.writes);
    e.refresh = unit * (r.i5 - i_all) * t.rfc_ab * refreshes;
    const double standby_clocks = count(facts.clocks) - count(facts.rank_active_clocks) -
                                  count(facts.active_down_clocks) - count(facts.idle_down_clocks);
    e.background = unit * ((i_all - i_rho) / banks * count(facts.bank_active_clocks) +
                           i_rho * count(facts.rank_active_clocks) + r.i2n * standby_clocks +
                           r.i3p * count(facts.active_down_clocks) + r.i2p * count(facts.idle_down_clocks));
    sum.add(e);
  }
  return sum;
}

EnergyMeter::EnergyMeter(const MemoryConfig& config)
    : refresh_all_clocks_(config.timing.rfc_ab),
      refresh_bank_clocks_(config.timing.rfc_pb),
      opened_(config.all_banks()),
      refresh_ends_activity_(config.standby == StandbyKind::drampower) {}

void EnergyMeter::count_again(uint64_t clock) {
  rank_since_ += uncounted(clock);
  uncounted_since_ = kNever;
}

void EnergyMeter::close(unsigned bank, uint64_t clock) {
  ++facts_.precharges;
  facts_.bank_active_clocks += clock - opened_[bank];
  open_ &= ~(uint64_t{1} << bank);
  if (open_ != 0) return;
  count_again(clock);
  facts_.rank_active_clocks += clock - rank_since_;
}

void EnergyMeter::issued(const IssuedCommand& command) {
  switch (command.command) {
    case Command::activate:
      ++facts_.activates;
      opened_[command.bank] = command.clock;
      count_again(command.clock);
      if (open_ == 0) rank_since_ = command.clock;
      if (refresh_ends_activity_ && command.clock < refresh_end_) uncounted_since_ = refresh_end_;
      open_ |= uint64_t{1} << command.bank;
      return;
    case Command::read:
      ++facts_.reads;
      return;
    case Command::write:
    case Command::write_masked:
      ++facts_.writes;
      return;
    case Command::precharge:
      if ((open_ >> command.bank & 1) != 0) close(command.bank, command.clock);
      return;
    case Command::precharge_all:
      while (open_ != 0) close(static_cast<unsigned>(std::countr_zero(open_)), command.clock);
      return;
    case Command::refresh_all:
      ++facts_.refreshes_all;
      facts_.bank_active_clocks += refresh_all_clocks_ * opened_.size();
      facts_.rank_active_clocks += refresh_all_clocks_;
      refresh_end_ = command.clock + refresh_all_clocks_;
      return;
    case Command::refresh_bank:
      ++facts_.refreshes_bank;
      facts_.bank_active_clocks += refresh_bank_clocks_;
      if (open_ == 0) facts_.rank_active_clocks += refresh_bank_clocks_;
      return;
    case Command::power_down:
      down_ = true;
      down_since_ = command.clock;
      return;
    case Command::power_up:
      return power_up(command.clock);
  }
}

/// Time in power-down counts by itself: for open rows as if they had been opened so much later.
void EnergyMeter::power_up(uint64_t clock) {
  const uint64_t clocks = clock - down_since_;
  down_ = false;
  (open_ != 0 ? facts_.active_down_clocks : facts_.idle_down_clocks) += clocks;
  if (open_ != 0) rank_since_ += clocks;
  if (uncounted_since_ != kNever) uncounted_since_ += clocks;
  for (uint64_t rest = open_; rest != 0; rest &= rest - 1) {
    opened_[static_cast<size_t>(std::countr_zero(rest))] += clocks;
  }
}

EnergyFacts EnergyMeter::facts_at(uint64_t clock) const {
  EnergyFacts facts = facts_;
  facts.clocks = clock;
  if (down_) {
    (open_ != 0 ? facts.active_down_clocks : facts.idle_down_clocks) += clock - down_since_;
    clock = down_since_;
  }
  for (uint64_t rest = open_; rest != 0; rest &= rest - 1) {
    facts.bank_active_clocks += clock - opened_[static_cast<size_t>(std::countr_zero(rest))];
  }
  if (open_ != 0) facts.rank_active_clocks += clock - rank_since_ - uncounted(clock);
  return facts;
}

void EnergyFacts::add_channel(const EnergyFacts& other) {
  activates += other.activates;
  precharges += other.precharges;
  reads += other.reads;
  writes += other.writes;
  refreshes_all += other.refreshes_all;
  refreshes_bank += other.refreshes_bank;
  bank_active_clocks += other.bank_active_clocks;
  rank_active_clocks += other.rank_active_clocks;
  active_down_clocks += other.active_down_clocks;
  idle_down_clocks += other.idle_down_clocks;
  clocks = other.clocks;
}

void EnergyMeter::state(StateArchive& archive) {
  archive.section("energy meter");
  archive.value("facts", facts_);
  archive.range("opened", std::span(opened_));
  archive.value("open", open_);
  archive.value("rank_since", rank_since_);
  archive.value("refresh_end", refresh_end_);
  archive.value("uncounted_since", uncounted_since_);
  archive.value("down", down_);
  archive.value("down_since", down_since_);
}

}  // namespace backboard::dram
