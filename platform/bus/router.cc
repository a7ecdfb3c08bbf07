#include "platform/bus/router.h"

#include <fmt/format.h>

#include "platform/events/clock_time.h"
#include "platform/tlm/payload.h"
#include "platform/tlm/time.h"

namespace backboard {

Router::Router(const sc_core::sc_module_name& name, const RouterConfig& config, std::vector<AddressRange> targets,
               uint32_t traffic_target, FindingSink& findings)
    : sc_module(name),
      config_(config),
      map_(std::move(targets)),
      traffic_target_(traffic_target),
      findings_(findings),
      latency_ps_(time_of_cycle(config.latency_cycles, config.clock_hz)),
      beat_ps_(time_of_cycle(1, config.clock_hz)),
      width_log2_(static_cast<unsigned>(std::countr_zero(config.width_bytes))),
      whole_beat_(kPicosecondsPerSecond % config.clock_hz == 0) {
  check_resolution();
  if (config_.command_traffic) command_traffic_ = std::make_unique<CommandTraffic>();
  BB_CHECK(std::has_single_bit(config.width_bytes), "width {}", config.width_bytes);
  for (const BusWindowConfig& window : config_.windows) windows_[static_cast<size_t>(window.initiator)].add(window);
  BB_CHECK(config.generators <= kMostTraffic, "{} generators", config.generators);
  for (size_t i = 0; i < kBusMasters + config.generators; ++i) {
    const std::string socket_name = fmt::format("from_{}", name_of(static_cast<BusMaster>(i)));
    masters_.push_back(std::make_unique<tlm_utils::simple_target_socket_tagged<Router>>(socket_name.c_str()));
    masters_[i]->register_b_transport(this, &Router::b_transport, static_cast<int>(i));
    masters_[i]->register_transport_dbg(this, &Router::transport_dbg, static_cast<int>(i));
    masters_[i]->register_get_direct_mem_ptr(this, &Router::get_direct_mem_ptr, static_cast<int>(i));
    counters_[i].resize(map_.size());
    lanes_[i].router = this;
    lanes_[i].master = i;
  }
  shortened_.resize(map_.size());
  device_lanes_.resize(map_.size());
  memory_lanes_.resize(map_.size());
  for (uint32_t i = 0; i < map_.size(); ++i) {
    const std::string socket_name = fmt::format("to_{}", map_[i].name);
    targets_.push_back(std::make_unique<tlm_utils::simple_initiator_socket_tagged<Router>>(socket_name.c_str()));
    targets_[i]->register_invalidate_direct_mem_ptr(this, &Router::invalidate_direct_mem_ptr, static_cast<int>(i));
  }
}

tlm_utils::simple_target_socket_tagged<Router>& Router::master_socket(BusMaster master) {
  return *masters_[static_cast<size_t>(master)];
}

tlm_utils::simple_initiator_socket_tagged<Router>& Router::target_socket(uint32_t target) {
  return *targets_[target];
}

void Router::watch_writes(uint64_t first, uint64_t last, WriteWatch callback) {
  watched_ = {first, last};
  watch_ = std::move(callback);
  for (DeviceLane& lane : device_lanes_) {  // what is watched takes the long way from now on
    if (lane.first <= last && first <= lane.last) lane.allowed[static_cast<size_t>(BusOp::write)] = false;
  }
}

uint64_t Router::beats_ps(uint64_t size) const {
  const uint64_t beats = (size + config_.width_bytes - 1) >> width_log2_;
  return whole_beat_ ? beats * beat_ps_ : time_of_cycle(beats, config_.clock_hz);
}

void Router::refuse(size_t master, BusOp op, uint64_t address, uint64_t size, Initiator initiator, uint64_t time_ps,
                    bool denied) {
  RefusedCounters& refused = refused_[master];
  (denied ? refused.denied : refused.decode) += 1;
  refused.bytes += size;
  Finding finding;
  finding.time_ps = time_ps;
  finding.initiator = initiator;
  finding.block = "bus";
  finding.address = address;
  finding.reason =
      fmt::format("{} of {} bytes {}: the bus answers with an error", op == BusOp::write ? "write" : "read", size,
                  denied ? fmt::format("outside the access windows of {}", name_of(static_cast<BusMaster>(master)))
                         : std::string("where no device answers"));
  findings_.report(std::move(finding));
}

/// What the bus does to an access to `target` (or kNobody): windows, the channel, the target by `forward(target,
/// address, time_ps, done_ps)`, counters. `end_ps`: when the master has the answer.
template <class Forward>
BusResponse Router::cross(const Crossing& c, uint32_t target, uint64_t offered_ps, uint64_t& end_ps, Forward forward) {
  const bool allowed = windows_[c.master].allows(c.op, c.address, c.size);
  if (!allowed || target == AddressMap::kNobody) {
    end_ps = offered_ps + latency_ps_;
    const Initiator initiator = c.who != nullptr ? c.who->initiator : Finding().initiator;
    refuse(c.master, c.op, c.address, c.size, initiator, offered_ps, !allowed);
    return allowed ? BusResponse::decode : BusResponse::denied;
  }
  const bool write = c.op == BusOp::write;
  uint64_t& channel_free_ps = channel_free_ps_[c.master][static_cast<size_t>(c.op)];
  const uint64_t start_ps = std::max(offered_ps, channel_free_ps);
  const uint64_t data_ps = beats_ps(c.size);
  channel_free_ps = start_ps + data_ps;
  uint64_t done_ps = 0;
  const BusResponse response =
      forward(target, c.address - map_[target].base, start_ps + latency_ps_ + (write ? beat_ps_ : 0), done_ps);
  end_ps = std::max(done_ps + (write ? 0 : beat_ps_), start_ps + latency_ps_ + data_ps);

  counters_[c.master][target].count(c.op, c.size, response);
  if (response != BusResponse::ok) return response;
  if (snoop_ && c.master != static_cast<size_t>(BusMaster::core)) {
    snoop_(c.op, c.address, c.size, c.who ? c.who->initiator : Initiator::debug);
  }
  if (target == traffic_target_) record(c.who ? *c.who : Attribution{}, c.op, c.size);
  if (write && watches(c.address, c.size)) watch_(c.address, c.data, c.size);
  return response;
}

void Router::b_transport(int master, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  const auto* extension = payload.get_extension<AttributionExtension>();
  const Crossing crossing{static_cast<size_t>(master), payload.is_write() ? BusOp::write : BusOp::read,
                          payload.get_address(),       payload.get_data_length(),
                          payload.get_data_ptr(),      extension != nullptr ? &extension->who : nullptr};
  const uint64_t now_ps = kernel_time_ps();
  uint64_t end_ps = 0;
  const uint32_t found = find(crossing.master, crossing.address, crossing.size);
  const BusResponse response = cross(crossing, found, now_ps + delay.value(), end_ps,
                                     [&](uint32_t target, uint64_t address, uint64_t time_ps, uint64_t& done_ps) {
                                       delay = time_of_ps(time_ps - now_ps);
                                       payload.set_address(address);
                                       (*targets_[target])->b_transport(payload, delay);
                                       payload.set_address(crossing.address);
                                       done_ps = now_ps + delay.value();
                                       return response_of(payload.get_response_status());
                                     });
  delay = time_of_ps(end_ps - now_ps);
  if (response == BusResponse::decode || response == BusResponse::denied) {
    payload.set_response_status(status_of(response));
  }
}

void Router::Lane::look_up(uint64_t address, uint64_t size) {
  if (address >= first && address <= last && size - 1 <= last - address) return;
  first = 1;
  last = 0;
  target = router->map_.find(address, size);
  if (target == AddressMap::kNobody) return;
  socket = router->shortened_[target];
  first = router->map_[target].base;
  last = router->map_[target].last;
}

BusResponse Router::Lane::access(BusAccess& access, uint64_t& delay_ps) {
  const Crossing crossing{master, access.op, access.address, access.size, access.data, &access.who};
  const uint64_t time_ps = access.time_ps;
  look_up(access.address, access.size);
  uint64_t end_ps = 0;
  const BusResponse response = router->cross(crossing, target, time_ps + delay_ps, end_ps,
                                             [&](uint32_t, uint64_t address, uint64_t arrival_ps, uint64_t& done_ps) {
                                               access.address = address;
                                               access.time_ps = arrival_ps;
                                               uint64_t taken_ps = 0;
                                               const BusResponse answer = socket->serve(access, taken_ps);
                                               access.address = crossing.address;
                                               access.time_ps = time_ps;
                                               done_ps = arrival_ps + taken_ps;
                                               return answer;
                                             });
  delay_ps = end_ps - time_ps;
  return response;
}

/// What the bus adds to the times of a run's bursts: each is a crossing.
class Router::RunPacer final : public BurstPacer {
 public:
  RunPacer(const Router& router, bool write, uint64_t& channel_free_ps, BurstPacer& master)
      : router_(router), write_(write), channel_free_ps_(channel_free_ps), master_(master) {}
  uint64_t issue(uint32_t bytes) override {
    const uint64_t start_ps = std::max(master_.issue(bytes), channel_free_ps_);
    channel_free_ps_ = start_ps + router_.beats_ps(bytes);
    passed_ps_ = channel_free_ps_ + router_.latency_ps_;
    return start_ps + router_.latency_ps_ + (write_ ? router_.beat_ps_ : 0);
  }
  void answered(uint64_t time_ps) override {
    master_.answered(std::max(time_ps + (write_ ? 0 : router_.beat_ps_), passed_ps_));
  }

 private:
  const Router& router_;
  bool write_;
  uint64_t& channel_free_ps_;
  BurstPacer& master_;
  uint64_t passed_ps_ = 0;  ///< all beats of the last burst have passed
};

bool Router::Lane::reaches(const BurstRuns& runs) {
  if (runs.runs.empty()) return false;
  look_up(runs.runs.front().address, runs.runs.front().bytes);
  if (target == AddressMap::kNobody) return false;
  return std::all_of(runs.runs.begin(), runs.runs.end(), [&](const MemoryRun& run) {
    return run.address >= first && run.address <= last && run.bytes - 1 <= last - run.address &&
           router->windows_[master].allows(runs.op, run.address, run.bytes);
  });
}

BurstTotals Router::Lane::carry(const BurstRuns& runs, BurstPacer& pacer) {
  Router& r = *router;
  if (runs.base != 0 || !reaches(runs)) return {};
  RunPacer crossing(r, runs.op == BusOp::write, r.channel_free_ps_[master][static_cast<size_t>(runs.op)], pacer);
  BurstRuns inside = runs;
  inside.base = first;
  const BurstTotals totals = socket->carry(inside, crossing);
  if (totals.bursts == 0) return totals;
  r.counters_[master][target].count(runs.op, totals.bytes, BusResponse::ok, totals.bursts);
  if (target == r.traffic_target_) {
    Attribution who = runs.who;
    for (const MemoryRun& run : runs.runs) {
      who.tensor = run.tensor;
      r.record(who, runs.op, run.bytes, runs.bursts(run));
    }
  }
  r.tell_of(runs, master);
  return totals;
}

/// Tells the snoop and the watch of every burst that was carried.
void Router::tell_of(const BurstRuns& runs, size_t master) {
  const bool snoops = snoop_ && master != static_cast<size_t>(BusMaster::core);
  const bool watches = runs.op == BusOp::write && watch_;
  if (!snoops && !watches) return;
  const uint8_t* data = runs.data;
  for (const MemoryRun& run : runs.runs) {
    const bool watched = watches && watched_.meet(run.address, run.bytes);
    if (snoops || watched) {
      runs.for_each_burst(run, [&](uint64_t at, uint32_t bytes) {
        if (snoops) snoop_(runs.op, at, bytes, runs.who.initiator);
        if (watched && watched_.meet(at, bytes)) watch_(at, data + (at - run.address), bytes);
      });
    }
    data += run.bytes;
  }
}

unsigned Router::transport_dbg(int, tlm::tlm_generic_payload& payload) {
  const uint64_t address = payload.get_address();
  const uint32_t target = map_.find(address, payload.get_data_length());
  if (target == AddressMap::kNobody) {
    payload.set_response_status(status_of(BusResponse::decode));
    return 0;
  }
  payload.set_address(address - map_[target].base);
  const unsigned done = (*targets_[target])->transport_dbg(payload);
  payload.set_address(address);
  return done;
}

bool Router::get_direct_mem_ptr(int master_tag, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& direct) {
  const uint64_t address = payload.get_address();
  const uint32_t target = map_.find(address, 1);
  if (target == AddressMap::kNobody) return false;
  const uint64_t base = map_[target].base;
  payload.set_address(address - base);
  const bool offered = (*targets_[target])->get_direct_mem_ptr(payload, direct);
  payload.set_address(address);
  if (!offered) return false;

  DirectRegion region;
  region.bytes = direct.get_dmi_ptr();
  region.first = base + direct.get_start_address();
  region.last = std::min<uint64_t>(base + direct.get_end_address(), map_[target].last);
  region.readable = direct.is_read_allowed();
  region.writable = direct.is_write_allowed();
  if (!windows_[static_cast<size_t>(master_tag)].clip(address, region)) return false;
  direct.set_dmi_ptr(region.bytes);
  direct.set_start_address(region.first);
  direct.set_end_address(region.last);
  direct.allow_none();
  if (region.readable && region.writable) {
    direct.allow_read_write();
  } else if (region.readable) {
    direct.allow_read();
  } else if (region.writable) {
    direct.allow_write();
  } else {
    return false;
  }
  // A direct access costs what a transaction of one beat costs on a free channel.
  const sc_core::sc_time bus_time = time_of_ps(latency_ps_ + beat_ps_);
  direct.set_read_latency(direct.get_read_latency() + bus_time);
  direct.set_write_latency(direct.get_write_latency() + bus_time);
  return true;
}

void Router::invalidate_direct_mem_ptr(int target, sc_dt::uint64 first, sc_dt::uint64 last) {
  const uint64_t base = map_[static_cast<uint32_t>(target)].base;
  for (auto& master : masters_) (*master)->invalidate_direct_mem_ptr(base + first, base + last);
}

void Router::state(StateArchive& archive) {
  archive.section("bus");
  archive.value("channel_free_ps", channel_free_ps_);
  for (auto& of_master : counters_) archive.range("counters", std::span(of_master));
  archive.value("refused", refused_);
  traffic_.state(archive);
  if (command_traffic_) command_traffic_->state(archive);
  if (request_bus_) state_requests(archive);
}

void Router::stats(const StatsWriter& writer) const {
  for (size_t master = 0; master < masters_.size(); ++master) {
    PortCounters sum;
    const StatsWriter part = writer.part(name_of(static_cast<BusMaster>(master)));
    const auto write = [](const StatsWriter& at, const PortCounters& c) {
      at.counter("read_bytes", c.read_bytes, "bytes", "Bytes read by transactions");
      at.counter("write_bytes", c.write_bytes, "bytes", "Bytes written by transactions");
      at.counter("reads", c.reads, "transactions", "Read transactions");
      at.counter("writes", c.writes, "transactions", "Write transactions");
      at.counter("refused", c.refused, "transactions", "Transactions that the target refused");
    };
    for (uint32_t target = 0; target < map_.size(); ++target) {
      const PortCounters& c = counters_[master][target];
      if (c.reads + c.writes + c.refused != 0) write(part.part("to").part(map_[target].name), c);
      sum += c;
    }
    const RefusedCounters& refused = refused_[master];
    if (sum == PortCounters{} && refused.decode + refused.denied == 0) continue;
    write(part, sum);
    part.counter("decode_errors", refused.decode, "transactions", "Transactions to where nothing answers");
    part.counter("denied", refused.denied, "transactions", "Transactions outside the access windows");
  }
  if (!request_bus_) return;
  std::vector<std::string> names;
  for (uint32_t i = 0; i < map_.size(); ++i) names.push_back(map_[i].name);
  request_bus_->stats(writer, names, queue_->now_ps());
}

}  // namespace backboard
