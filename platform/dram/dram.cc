#include "platform/dram/dram.h"

#include "platform/check/check.h"
#include "platform/events/clock_time.h"
#include "platform/memory/memory_access.h"

namespace backboard {

Dram::Dram(const DramConfig& config, uint64_t size_bytes)
    : config_(config),
      period_ps_(kPicosecondsPerSecond % config.clock_hz == 0 ? kPicosecondsPerSecond / config.clock_hz : 0),
      store_("dram", size_bytes),
      timing_(config) {
  BB_CHECK(size_bytes <= config.capacity_bytes(), "{} of {}", size_bytes, config.capacity_bytes());
}

/// First clock edge not before `time_ps`.
uint64_t Dram::clock_at(uint64_t time_ps) const {
  if (period_ps_ != 0) return (time_ps + period_ps_ - 1) / period_ps_;
  const uint64_t clock = cycles_until(time_ps, config_.clock_hz);
  return time_of_cycle(clock, config_.clock_hz) >= time_ps ? clock : clock + 1;
}

uint64_t Dram::time_at(uint64_t clock) const {
  return period_ps_ != 0 ? clock * period_ps_ : time_of_cycle(clock, config_.clock_hz);
}

BusResponse Dram::access(BusAccess& access, uint64_t& delay_ps) {
  const BusResponse response = copy_access(store_, access);
  if (response != BusResponse::ok || access.debug || access.size == 0) return response;
  const bool write = access.op == BusOp::write;
  RowFacts facts;
  const uint64_t done = timing_.serve(write, access.address, access.size, clock_at(access.time_ps), facts);
  delay_ps += time_at(done) - access.time_ps;

  DramCounters& counters = counters_[static_cast<size_t>(access.who.initiator)];
  (write ? counters.write_bytes : counters.read_bytes) += access.size;
  (write ? counters.writes : counters.reads) += 1;
  (write ? counters.write_bursts : counters.read_bursts) += facts.bursts;
  counters.row_hits += facts.row_hits;
  counters.activates += facts.activates;
  counters.precharges += facts.precharges;
  counters.refresh_stalls += facts.refresh_stalls;
  return response;
}

std::optional<DirectRegion> Dram::direct(uint64_t address) {
  if (!store_.covers(address, 1)) return std::nullopt;
  return DirectRegion{store_.bytes(),       0, store_.size_bytes() - 1, true, true, config_.core_read_ps,
                      config_.core_write_ps};
}

DramCounters Dram::total() const {
  DramCounters sum;
  for (const DramCounters& c : counters_) {
    sum.read_bytes += c.read_bytes;
    sum.write_bytes += c.write_bytes;
    sum.reads += c.reads;
    sum.writes += c.writes;
    sum.read_bursts += c.read_bursts;
    sum.write_bursts += c.write_bursts;
    sum.row_hits += c.row_hits;
    sum.activates += c.activates;
    sum.precharges += c.precharges;
    sum.refresh_stalls += c.refresh_stalls;
  }
  return sum;
}

void Dram::stats(const StatsWriter& writer) const {
  const auto write = [](const StatsWriter& part, const DramCounters& c) {
    part.counter("read_bytes", c.read_bytes, "bytes", "Bytes read by transactions");
    part.counter("write_bytes", c.write_bytes, "bytes", "Bytes written by transactions");
    part.counter("reads", c.reads, "transactions", "Read transactions");
    part.counter("writes", c.writes, "transactions", "Write transactions");
    part.counter("read_bursts", c.read_bursts, "bursts", "Bursts read");
    part.counter("write_bursts", c.write_bursts, "bursts", "Bursts written");
    part.counter("row_hits", c.row_hits, "bursts", "Bursts that found their row open");
    part.counter("activates", c.activates, "commands", "Rows opened");
    part.counter("precharges", c.precharges, "commands", "Rows closed because another was needed");
    part.counter("refresh_stalls", c.refresh_stalls, "1", "Times that an access waited for a refresh");
  };
  const DramCounters sum = total();
  write(writer, sum);
  writer.ratio("row_hit_share", sum.row_hits, sum.read_bursts + sum.write_bursts, "1", "Row hits by burst");
  for (unsigned i = 0; i < kInitiators; ++i) {
    const auto initiator = static_cast<Initiator>(i);
    const DramCounters& c = counters_[i];
    if (c.reads + c.writes != 0) write(writer.part("by").part(name_of(initiator)), c);
  }
}

void Dram::state(StateArchive& archive) {
  archive.section("dram");
  timing_.state(archive);
  archive.value("counters", counters_);
  store_.state(archive);
}

}  // namespace backboard
