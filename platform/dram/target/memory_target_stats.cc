// The statistics of a memory, from the counters of its channels.
#include <fmt/format.h>

#include "platform/dram/target/memory_target.h"
#include "platform/stats/distribution.h"

namespace backboard::dram {

void MemoryTarget::stats(const StatsWriter& writer, uint64_t time_ps) const {
  const ControllerCounters c = counters();
  const StatsWriter commands = writer.part("commands");
  commands.counter("activate", c.activates, "commands", "Rows opened");
  commands.counter("precharge", c.precharges, "commands", "Rows closed one by one");
  commands.counter("precharge_all", c.precharges_all, "commands", "Precharges of all banks, before refreshes");
  commands.counter("read", c.reads, "commands", "Bursts read");
  commands.counter("write", c.writes, "commands", "Bursts written");
  commands.counter("write_masked", c.masked_writes, "commands", "Of these, masked writes: a part of a burst");
  commands.counter("refresh_all", c.refreshes_all, "commands", "Refreshes of all banks");
  commands.counter("refresh_bank", c.refreshes_bank, "commands", "Refreshes of one bank");
  commands.counter("power_down", c.power_downs, "commands", "Times that a rank was powered down");
  Distribution rows;
  for (const uint32_t activates : row_activates_) {
    if (activates != 0) rows.add(activates);
  }
  if (!row_activates_.empty()) {
    writer.counter("rows_opened", rows.count(), "rows", "Rows that were opened at least once");
    rows.stats(writer.part("activates_by_row"), "commands", "Activates of a row that was opened");
  }
  const uint64_t clock = clock_reached(time_ps);
  if (config_.controller.power_down != PowerKind::off) {
    EnergyFacts facts;
    for (unsigned i = 0; i < channels(); ++i) facts.add_channel(energy_facts(i, clock));
    const uint64_t all = clock * channels();
    writer.ratio("active_power_down", facts.active_down_clocks, all, "1", "Clocks powered down with rows open, of all");
    writer.ratio("idle_power_down", facts.idle_down_clocks, all, "1", "Clocks powered down without, of all");
  }
  if (ecc_.on()) {
    writer.part("ecc").counter("corrected", errors_.counters().corrected, "words", "Met with one wrong bit");
    writer.part("ecc").counter("uncorrected", errors_.counters().uncorrected, "words", "Met with two wrong bits");
  }
  const uint64_t busy = (c.reads + c.writes) * config_.timing.burst;
  writer.ratio("data_bus_utilisation", busy, clock * channels(), "1", "Clocks with data on the data bus, of all");
  for (unsigned channel = 0; channel < channels(); ++channel) {
    const StatsWriter part = writer.part(fmt::format("channel{}", channel));
    for (size_t bank = 0; bank < banks(channel).size(); ++bank) {
      const BankCounters& b = banks(channel)[bank];
      const StatsWriter at = part.part(fmt::format("bank{:02}", bank));
      at.counter("reads", b.reads, "bursts", "Bursts read");
      at.counter("writes", b.writes, "bursts", "Bursts written");
      at.counter("row_hits", b.row_hits, "bursts", "Bursts for which no row was opened");
      at.counter("activates", b.activates, "commands", "Rows opened");
    }
  }
  if (!with_energy_) return;
  energy(clock).stats(writer.part("energy"));
}

}  // namespace backboard::dram
