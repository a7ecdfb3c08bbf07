#include "platform/dram/dram.h"

#include <algorithm>
#include <cstring>
#include <vector>

#include "platform/check/check.h"
#include "platform/dram/checker/checker.h"
#include "platform/dram/trace/command_file.h"
#include "platform/memory/memory_access.h"

namespace backboard {

/// Every command on its way to the file and the checker.
class Dram::Watch final : public dram::CommandSink {
 public:
  explicit Watch(const DramConfig& config) {
    if (!config.commands_file.empty()) file_.emplace(config.commands_file);
    if (!config.check_commands) return;
    for (unsigned i = 0; i < config.memory.channels; ++i) checkers_.emplace_back(config.memory);
  }
  void issued(unsigned channel, const dram::IssuedCommand& command) override {
    if (file_) file_->issued(channel, command);
    if (checkers_.empty()) return;
    checkers_[channel].judge(command);
    ++checked_;
  }
  /// Commands held against the rules.
  uint64_t checked() const { return checked_; }
  void flush() {
    if (file_) file_->flush();
  }
  void state(StateArchive& archive) {
    for (dram::CommandChecker& checker : checkers_) checker.state(archive);
    archive.value("checked", checked_);
  }
  std::optional<std::string> fault() const {
    for (const dram::CommandChecker& checker : checkers_) {
      if (!checker.violations().empty()) return "a DRAM command broke a rule: " + checker.violations()[0].text();
    }
    return std::nullopt;
  }

 private:
  std::optional<dram::CommandFile> file_;
  std::vector<dram::CommandChecker> checkers_;
  uint64_t checked_ = 0;
};

Dram::Dram(const DramConfig& config, uint64_t size_bytes)
    : config_(config), store_("dram", size_bytes), times_(config.memory, config.bandwidth_bin_ps) {
  BB_CHECK(size_bytes <= config.capacity_bytes(), "{} of {}", size_bytes, config.capacity_bytes());
}

void Dram::take_requests(EventQueue& queue) {
  if (!config_.commands_file.empty() || config_.check_commands) watch_ = std::make_shared<Watch>(config_);
  target_ =
      std::make_unique<dram::MemoryTarget>(config_.memory, queue, store_.bytes(), store_.size_bytes(), watch_.get());
  target_->count_bandwidth(times_.bandwidth);
  target_->lose(config_.lose_request);
  for (const BitErrorConfig& error : config_.bit_errors) {
    target_->plant_error(error.offset, error.bits);
  }
}

void Dram::settle(uint64_t time_ps) {
  settled_ps_ = time_ps;
  if (!target_) return;
  target_->settle(time_ps);
  if (watch_) watch_->flush();
}

std::optional<std::string> Dram::fault() const {
  if (watch_) {
    if (auto broken = watch_->fault()) return broken;
  }
  if (!target_) return std::nullopt;
  if (const auto stuck = target_->stuck()) return "a DRAM request can never complete: " + stuck->what;
  return std::nullopt;
}

/// Through the command-level model, in pieces of what a request may have.
BusResponse Dram::serve_in_line(BusAccess& access, uint64_t& delay_ps) {
  uint64_t time_ps = access.time_ps;
  for (uint32_t done = 0; done < access.size;) {
    BusRequest request;
    request.address = access.address + done;
    request.size = std::min(access.size - done, kLargestRequestBytes);
    request.time_ps = access.time_ps;
    request.op = access.op;
    request.who = access.who;
    bool wrong = false;
    const uint64_t answered_ps = target_->serve_in_line(request, access.data + done, &wrong);
    if (wrong) return BusResponse::target;
    if (answered_ps == RequestPort::kLater) return BusResponse::target;  // stuck: `fault` says so
    time_ps = std::max(time_ps, answered_ps);
    done += request.size;
  }
  delay_ps += time_ps - access.time_ps;
  return BusResponse::ok;
}

BusResponse Dram::access(BusAccess& access, uint64_t& delay_ps) {
  if (target_ && !access.debug && access.size != 0 && store_.covers(access.address, access.size)) {
    return serve_in_line(access, delay_ps);
  }
  const BusResponse response = copy_access(store_, access);
  if (response != BusResponse::ok || access.debug || access.size == 0) return response;
  RowFacts facts;
  const uint64_t arrival = times_.grid.edge_from(access.time_ps);
  const uint64_t done = times_.rows.serve(access.op == BusOp::write, access.address, access.size, arrival, facts);
  const uint64_t done_ps = times_.grid.time_at(done);
  times_.bandwidth.add(access.who.initiator, access.size, done_ps);
  times_.count(access.who.initiator, access.op, access.size, 1, facts);
  delay_ps += done_ps - access.time_ps;
  return response;
}

BurstTotals Dram::carry(const BurstRuns& runs, BurstPacer& pacer) {
  if (target_) return {};
  for (const MemoryRun& run : runs.runs) {
    if (run.address < runs.base || !store_.covers(run.address - runs.base, run.bytes)) return {};
  }
  const bool write = runs.op == BusOp::write;
  BurstTotals totals;
  RowFacts facts;
  uint8_t* data = runs.data;
  for (const MemoryRun& run : runs.runs) {
    runs.for_each_burst(run, [&](uint64_t at, uint32_t bytes) {
      const uint64_t arrival_ps = pacer.issue(bytes);
      const uint64_t arrival = times_.grid.edge_from(arrival_ps);
      const uint64_t done_ps = times_.grid.time_at(times_.rows.serve(write, at - runs.base, bytes, arrival, facts));
      times_.bandwidth.add(runs.who.initiator, bytes, done_ps);
      pacer.answered(done_ps);
      ++totals.bursts;
    });
    uint8_t* place = store_.bytes() + (run.address - runs.base);
    if (write) {
      std::memcpy(place, data, run.bytes);
    } else {
      std::memcpy(data, place, run.bytes);
    }
    data += run.bytes;
    totals.bytes += run.bytes;
  }
  times_.count(runs.who.initiator, runs.op, totals.bytes, totals.bursts, facts);
  return totals;
}

std::optional<DirectRegion> Dram::direct(uint64_t address) {
  if (!store_.covers(address, 1)) return std::nullopt;
  return DirectRegion{store_.bytes(),       0, store_.size_bytes() - 1, true, true, config_.core_read_ps,
                      config_.core_write_ps};
}

DramCounters Dram::counters(Initiator initiator) const {
  const auto i = static_cast<size_t>(initiator);
  DramCounters sum = times_.counters[i];
  if (target_) sum += target_->by_initiator()[i];
  return sum;
}

DramCounters Dram::total() const {
  DramCounters sum;
  for (unsigned i = 0; i < kInitiators; ++i) sum += counters(static_cast<Initiator>(i));
  return sum;
}

void Dram::stats(const StatsWriter& writer) const {
  const DramCounters sum = total();
  sum.stats(writer);
  writer.ratio("row_hit_share", sum.row_hits, sum.read_bursts + sum.write_bursts, "1", "Row hits by burst");
  for (unsigned i = 0; i < kInitiators; ++i) {
    const auto initiator = static_cast<Initiator>(i);
    const DramCounters c = counters(initiator);
    if (c.reads + c.writes != 0) c.stats(writer.part("by").part(name_of(initiator)));
  }
  writer.part("energy").counter("modelled", config_.memory.rails.empty() ? 0 : 1, "1",
                                "1: the part has currents; 0: it has none, and no energy is computed");
  if (watch_ && config_.check_commands) {
    writer.counter("checked_commands", watch_->checked(), "commands", "Held against the rules of the standard");
  }
  if (target_) return target_->stats(writer, settled_ps_);
  if (config_.memory.rails.empty()) return;
  const dram::EnergyFacts facts = times_.rows.energy_facts(times_.grid.edge_until(settled_ps_));
  dram::energy_of(facts, config_.memory).stats(writer.part("energy"));
}

void Dram::state(StateArchive& archive) {
  archive.section("dram");
  times_.rows.state(archive);
  times_.bandwidth.state(archive);
  archive.value("counters", times_.counters);
  store_.state(archive);
  if (target_) target_->state(archive);
  if (watch_) watch_->state(archive);
}

}  // namespace backboard
