#include "platform/bus/request_bus.h"

#include <algorithm>

#include "platform/bus/request_bus_ports.h"

namespace backboard {
namespace {

// Events of the bus: arbitration, or the answer to request (master, tag).
constexpr uint64_t kArbitrateTag = 0;
constexpr uint64_t kAnswerTag = uint64_t{1} << 32;
constexpr unsigned kMasterShift = 16;

}  // namespace

RequestBus::RequestBus(const RouterConfig& config, EventQueue& queue, RequestRoutes& routes,
                       std::vector<std::string> masters, std::vector<RequestPort*> targets)
    : config_(config),
      queue_(queue),
      id_(queue.add_client("bus", EventRank::memory, *this)),
      routes_(routes),
      grid_(config.clock_hz),
      width_log2_(static_cast<unsigned>(std::countr_zero(config.width_bytes))),
      target_width_log2_(static_cast<unsigned>(std::countr_zero(config.target_width_bytes))),
      cycle_ps_(time_of_cycle(1, config.clock_hz)),
      // The edge after the submission at which a request is granted is the first cycle of the way.
      forward_ps_(time_of_cycle(std::max(config.latency_cycles, 1u) - 1, config.clock_hz)) {
  BB_CHECK(masters.size() <= UINT8_MAX);
  std::vector<MasterShare> shares(masters.size());
  for (size_t i = 0; i < masters.size(); ++i) {
    BusMasterConfig treated;
    for (const BusMasterConfig& m : config.masters) {
      if (masters[i] == name_of(m.initiator)) treated = m;
    }
    shares[i] = {treated.weight, treated.priority};
    masters_.push_back(std::make_unique<MasterPort>(*this, static_cast<uint8_t>(i), std::move(masters[i]),
                                                    treated.outstanding, treated.weight));
  }
  for (RequestPort* target : targets) {
    targets_.push_back(std::make_unique<TargetPort>(*this, target, shares));
  }
}

RequestBus::~RequestBus() = default;

RequestPort& RequestBus::port(size_t master) {
  return *masters_[master];
}
const MasterAccount& RequestBus::account(size_t master) const {
  return masters_[master]->account_;
}
unsigned RequestBus::in_flight() const {
  unsigned sum = 0;
  for (const auto& master : masters_) sum += master->in_flight_;
  return sum;
}
const BusRequest* RequestBus::oldest(size_t masters) const {
  const BusRequest* found = nullptr;
  for (size_t i = 0; i < masters; ++i) {
    for (const Entry& entry : masters_[i]->entries_) {
      if (entry.used && (found == nullptr || entry.request.time_ps < found->time_ps)) found = &entry.request;
    }
  }
  return found;
}
std::pair<uint8_t, RequestTag> RequestBus::owner(uint32_t target, RequestTag tag) const {
  const TargetPort::Owner& o = targets_[target]->owners_[tag];
  BB_CHECK(o.used, "tag {} of target {}", tag, target);
  return {o.master, o.tag};
}
std::vector<RequestTag> RequestBus::at_target(uint32_t target) const {
  std::vector<RequestTag> tags;
  const auto& owners = targets_[target]->owners_;
  for (size_t i = 0; i < owners.size(); ++i) {
    if (owners[i].used) tags.push_back(static_cast<RequestTag>(i));
  }
  return tags;
}

const BusRequest& RequestBus::request(uint8_t master, RequestTag tag) const {
  const Entry& entry = masters_[master]->entry(tag);
  BB_CHECK(entry.used, "tag {} of master {}", tag, master);
  return entry.request;
}
std::vector<RequestBus::InTransit> RequestBus::in_transit() const {
  std::vector<InTransit> found;
  for (const auto& master : masters_) {
    for (const Entry& entry : master->entries_) {
      if (entry.used && entry.answered) found.push_back({entry.request, entry.target, entry.response});
    }
  }
  return found;
}

uint64_t RequestBus::beats_ps(uint64_t size, unsigned width_log2) const {
  return grid_.time_at((size + (uint64_t{1} << width_log2) - 1) >> width_log2);
}

/// Arbitration comes at the first edge behind the arrival of a request at which its target takes it, unless it comes
/// earlier.
void RequestBus::arrange(const Entry& head) {
  const TargetPort& target = *targets_[head.target];
  if (target.later_) return;
  const uint64_t from_ps = target.grant_from_ps(head.lane);
  const uint64_t behind_ps = std::max({queue_.now_ps(), head.request.time_ps, from_ps == 0 ? 0 : from_ps - 1});
  const uint64_t edge_ps = grid_.time_at(grid_.edge_until(behind_ps) + 1);
  if (edge_ps >= arbitrate_ps_) return;
  queue_.schedule(edge_ps, id_, kArbitrateTag);
  arbitrate_ps_ = edge_ps;
}

void RequestBus::answer_at(uint64_t time_ps, uint8_t master, RequestTag tag) {
  queue_.schedule(time_ps, id_, kAnswerTag | uint64_t{master} << kMasterShift | tag);
}

void RequestBus::on_event(uint64_t tag, uint64_t now_ps) {
  if (tag == kArbitrateTag) {
    if (now_ps != arbitrate_ps_) return;  // an earlier one was arranged since
    arbitrate_ps_ = EventQueue::kNever;
    return arbitrate(now_ps);
  }
  deliver(static_cast<uint8_t>(tag >> kMasterShift), static_cast<RequestTag>(tag), now_ps);
}

void RequestBus::deliver(uint8_t master, RequestTag tag, uint64_t now_ps) {
  MasterPort& port = *masters_[master];
  const Entry& entry = port.entry(tag);
  if (entry.routed) {
    routes_.answered(entry.request, entry.target, entry.response, port.client_->request_data(tag));
  }
  port.answer(tag, now_ps);
}

/// One grant for each lane that is ready; whoever still waits meets the next edge at which its lane is.
void RequestBus::arbitrate(uint64_t now_ps) {
  for (uint32_t target = 0; target < targets_.size(); ++target) {
    for (unsigned lane = 0; lane < targets_[target]->lanes_.size(); ++lane) contend(target, lane, now_ps);
  }
  for (const auto& master : masters_) {
    if (!master->queue_.empty()) arrange(master->head());
  }
}

void RequestBus::contend(uint32_t target, unsigned lane, uint64_t now_ps) {
  TargetPort& port = *targets_[target];
  if (port.later_ || now_ps < port.grant_from_ps(lane)) return;
  contenders_.clear();
  for (const auto& master : masters_) {
    if (!master->waits(now_ps) || master->head().target != target || master->head().lane != lane) continue;
    const BusRequest& request = master->head().request;
    contenders_.push_back({master->number_, request.size, request.deadline_ps});
  }
  if (contenders_.empty()) return;
  const size_t winner = port.lanes_[lane].arbiter->pick(contenders_);
  account_share(winner);
  for (const Contender& c : contenders_) look_for_starvation(*masters_[c.master], now_ps);
  MasterPort& granted = *masters_[contenders_[winner].master];
  grant(granted, target, now_ps);
  if (!granted.queue_.empty()) granted.become_head(now_ps);
}

/// A request is reported once, as soon as others are granted while it has waited too long: a master whose turn never
/// comes is found as well.
void RequestBus::look_for_starvation(MasterPort& master, uint64_t now_ps) {
  Entry& entry = master.head();
  if (entry.starved || now_ps - entry.request.time_ps <= config_.starvation_ps) return;
  entry.starved = true;
  ++master.account_.starved;
  routes_.starved(entry.request, now_ps - entry.request.time_ps);
}

/// Of the bytes that are granted while several masters contend, each one's part by its weight.
void RequestBus::account_share(size_t winner) {
  if (contenders_.size() < 2) return;
  uint64_t weights = 0;
  for (const Contender& c : contenders_) weights += masters_[c.master]->weight_;
  const uint64_t size = contenders_[winner].size_bytes;
  for (const Contender& c : contenders_) {
    MasterPort& master = *masters_[c.master];
    master.account_.fair_bytes_x1024 += size * 1024 * master.weight_ / weights;
  }
  masters_[contenders_[winner].master]->account_.contended_bytes += size;
}

void RequestBus::grant(MasterPort& master, uint32_t target, uint64_t now_ps) {
  TargetPort& port = *targets_[target];
  const RequestTag tag = master.queue_.front();
  Entry& entry = master.entry(tag);
  const BusRequest& request = entry.request;
  TargetPort::Lane& lane = port.lanes_[entry.lane];
  const uint64_t waited_ps = now_ps - entry.head_ps;
  const uint64_t not_ready_by_now_ps = port.not_ready_ps(entry.lane, now_ps);
  const uint64_t not_ready_ps = std::min(not_ready_by_now_ps - entry.not_ready_ps, waited_ps);
  const uint64_t turn_ps = waited_ps - not_ready_ps;
  master.account_.target_ps += not_ready_ps;
  master.account_.arbitration_ps += turn_ps > cycle_ps_ ? turn_ps - cycle_ps_ : 0;
  ++port.account_.requests;
  lane.not_ready_ps = not_ready_by_now_ps;
  lane.granted_ps = now_ps;

  uint64_t arrival_ps = now_ps + forward_ps_;
  const auto op = static_cast<size_t>(request.op);
  const uint64_t beats = beats_ps(request.size, width_log2_);
  if (request.op == BusOp::write) {
    const uint64_t start_ps = std::max({arrival_ps, master.channel_free_ps_[op], lane.channel_free_ps[op]});
    const uint64_t target_beats = beats_ps(request.size, port.width_log2_);
    master.account_.channel_ps += start_ps - arrival_ps;
    master.channel_free_ps_[op] = start_ps + beats;
    lane.channel_free_ps[op] = start_ps + target_beats;
    port.account_.write_busy_ps += target_beats;
    arrival_ps = start_ps + cycle_ps_;
    entry.data_ps = start_ps + beats;
  } else {
    entry.data_ps = arrival_ps + beats;
  }
  arrival_ps = port.arrived_ps_ = std::max({arrival_ps, lane.ready_ps, port.arrived_ps_});
  BusRequest passed = request;
  passed.address -= entry.base;
  passed.time_ps = arrival_ps;
  passed.tag = port.claim(master.number_, tag);
  master.queue_.pop_front();
  if (port.port_ == nullptr) {
    BusAccess access{passed.op,  passed.address, master.client_->request_data(tag), passed.size, arrival_ps,
                     passed.who, false};
    uint64_t delay_ps = 0;
    const BusResponse response = routes_.access(target, access, delay_ps);
    lane.ready_ps = arrival_ps;
    return port.on_response(passed.tag, response, arrival_ps + delay_ps);
  }
  const uint64_t ready_ps = port.port_->submit(passed);
  port.later_ = ready_ps == RequestPort::kLater;
  if (!port.later_) lane.ready_ps = ready_ps;
}

void RequestBus::state(StateArchive& archive) {
  archive.section("request bus");
  for (auto& master : masters_) master->state(archive);
  for (auto& target : targets_) target->state(archive);
  for (const auto& master : masters_) {
    for (const Entry& entry : master->entries_) {
      if (entry.used && entry.target >= targets_.size()) archive.fail("target", "a target that does not exist");
      if (entry.used && entry.routed && entry.lane >= targets_[entry.target]->lanes_.size()) {
        archive.fail("lane", "a lane that does not exist");
      }
    }
  }
  archive.value("arbitrate_ps", arbitrate_ps_);
}

void RequestBus::stats(const StatsWriter& writer, const std::vector<std::string>& target_names,
                       uint64_t time_ps) const {
  for (const auto& master : masters_) {
    if (master->account_.largest_depth == 0) continue;
    master->account_.stats(writer.part("requests").part(master->name_), time_ps);
  }
  for (size_t i = 0; i < targets_.size(); ++i) {
    if (targets_[i]->account_.requests == 0) continue;
    TargetAccount account = targets_[i]->account_;
    account.not_ready_ps = targets_[i]->not_ready_ps(time_ps);
    account.stats(writer.part("target").part(target_names[i]), time_ps);
  }
}

}  // namespace backboard
