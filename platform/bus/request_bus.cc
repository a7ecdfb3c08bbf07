#include "platform/bus/request_bus.h"

#include <algorithm>
#include <deque>

#include "platform/check/check.h"

namespace backboard {
namespace {

// Events of the bus: arbitration, or the answer to request (master, tag).
constexpr uint64_t kArbitrateTag = 0;
constexpr uint64_t kAnswerTag = uint64_t{1} << 32;
constexpr unsigned kMasterShift = 16;

}  // namespace

/// A request that the bus has taken.
struct RequestBus::Entry {
  BusRequest request;
  uint64_t base = 0;  ///< of the target
  uint32_t target = 0;
  BusResponse response = BusResponse::ok;
  bool used = false;
  bool routed = false;        ///< a target answers, not the bus
  bool answered = false;      ///< by the target; on the way to the master
  uint64_t head_ps = 0;       ///< at the head of the queue, since
  uint64_t not_ready_ps = 0;  ///< the target's account of it then
  uint64_t data_ps = 0;       ///< when the last beat has passed at the earliest
};

/// A master's queue and what it has in flight.
class RequestBus::MasterPort final : public RequestPort {
 public:
  MasterPort(RequestBus& bus, uint8_t number, std::string name, uint32_t outstanding)
      : bus_(bus), number_(number), name_(std::move(name)), outstanding_(outstanding) {}

  uint64_t submit(const BusRequest& request) override;
  void set_client(RequestClient& client) override { client_ = &client; }

  bool waits(uint64_t now_ps) const { return !queue_.empty() && entry(queue_.front()).request.time_ps < now_ps; }
  Entry& head() { return entries_[queue_.front()]; }
  Entry& entry(RequestTag tag) { return entries_[tag]; }
  const Entry& entry(RequestTag tag) const { return entries_[tag]; }
  void become_head(uint64_t time_ps);
  void answer(RequestTag tag, uint64_t now_ps);
  void state(StateArchive& archive);

  RequestBus& bus_;
  uint8_t number_;
  std::string name_;
  uint32_t outstanding_;
  RequestClient* client_ = nullptr;
  std::vector<Entry> entries_;    ///< by tag
  std::deque<RequestTag> queue_;  ///< not granted, in order
  uint32_t in_flight_ = 0;
  bool blocked_ = false;
  uint64_t blocked_since_ps_ = 0;
  std::array<uint64_t, 2> channel_free_ps_{};  ///< by direction
  MasterAccount account_;
};

/// The bus's side of a target: it is the client of the target's port, and knows its requests by tags of its own.
class RequestBus::TargetPort final : public RequestClient {
 public:
  TargetPort(RequestBus& bus, RequestPort* port, std::unique_ptr<Arbiter> arbiter)
      : bus_(bus), port_(port), arbiter_(std::move(arbiter)) {
    if (port != nullptr) port->set_client(*this);
  }

  uint8_t* request_data(RequestTag tag) override {
    const Owner& o = owners_[tag];
    return bus_.masters_[o.master]->client_->request_data(o.tag);
  }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override {
    BB_CHECK(later_, "a target is ready that was ready");
    ready_ps_ = time_ps;
    later_ = false;
    for (const auto& master : bus_.masters_) {
      if (!master->queue_.empty() && bus_.targets_[master->head().target].get() == this) bus_.arrange(master->head());
    }
  }
  /// The time from which a request that is granted does not arrive before the target is ready.
  uint64_t grant_from_ps() const { return ready_ps_ > bus_.forward_ps_ ? ready_ps_ - bus_.forward_ps_ : 0; }
  /// How much of the time up to `time_ps` the target was not ready.
  uint64_t not_ready_ps(uint64_t time_ps) const {
    const uint64_t until_ps = later_ ? time_ps : std::min(time_ps, grant_from_ps());
    return account_.not_ready_ps + (until_ps > granted_ps_ ? until_ps - granted_ps_ : 0);
  }
  RequestTag claim(uint8_t master, RequestTag tag) {
    RequestTag mine = 0;
    if (free_.empty()) {
      BB_CHECK(owners_.size() <= UINT16_MAX, "{} requests at a target", owners_.size());
      mine = static_cast<RequestTag>(owners_.size());
      owners_.emplace_back();
    } else {
      mine = free_.back();
      free_.pop_back();
    }
    owners_[mine] = {master, true, tag};
    return mine;
  }
  void state(StateArchive& archive);

  struct Owner {
    uint8_t master = 0;
    bool used = false;
    RequestTag tag = 0;
  };
  static_assert(sizeof(Owner) == 4);

  RequestBus& bus_;
  RequestPort* port_;
  std::unique_ptr<Arbiter> arbiter_;
  std::vector<Owner> owners_;  ///< by the target's tag
  std::vector<RequestTag> free_;
  bool later_ = false;  ///< the target will say when it is ready
  uint64_t ready_ps_ = 0;
  uint64_t granted_ps_ = 0;                    ///< the last grant; since then the target may not be ready
  std::array<uint64_t, 2> channel_free_ps_{};  ///< by direction
  TargetAccount account_;                      ///< of `not_ready_ps`, the time up to the last grant
};

uint64_t RequestBus::MasterPort::submit(const BusRequest& request) {
  const uint64_t now_ps = bus_.queue_.now_ps();
  BB_CHECK(!blocked_, "{}: a request while the port is not ready", name_);
  BB_CHECK(request.size >= 1 && request.size <= kLargestRequestBytes, "{}: {} bytes", name_, request.size);
  BB_CHECK(request.time_ps >= now_ps, "{}: a request for {} ps at {} ps", name_, request.time_ps, now_ps);
  if (request.tag >= entries_.size()) entries_.resize(size_t{request.tag} + 1);
  Entry& entry = entries_[request.tag];
  BB_CHECK(!entry.used, "{}: tag {} is in flight", name_, request.tag);
  entry = Entry();
  entry.request = request;
  entry.request.master = number_;
  entry.used = true;
  const RequestRoutes::Route route = bus_.routes_.route(entry.request);
  entry.response = route.response;
  ++in_flight_;
  account_.largest_depth = std::max<uint64_t>(account_.largest_depth, in_flight_);
  if (route.response != BusResponse::ok) {
    bus_.answer_at(request.time_ps + time_of_cycle(bus_.config_.latency_cycles, bus_.config_.clock_hz), number_,
                   request.tag);
  } else {
    entry.routed = true;
    entry.target = route.target;
    entry.base = route.base;
    queue_.push_back(request.tag);
    if (queue_.size() == 1) become_head(request.time_ps);
  }
  if (in_flight_ < outstanding_) return request.time_ps;
  blocked_ = true;
  blocked_since_ps_ = now_ps;
  return kLater;
}

/// A request is at the head of the queue since `time_ps` and contends.
void RequestBus::MasterPort::become_head(uint64_t time_ps) {
  Entry& next = head();
  next.head_ps = std::max(time_ps, next.request.time_ps);
  next.not_ready_ps = bus_.targets_[next.target]->not_ready_ps(next.head_ps);
  account_.queue_ps += next.head_ps - next.request.time_ps;
  bus_.arrange(next);
}

void RequestBus::MasterPort::answer(RequestTag tag, uint64_t now_ps) {
  Entry& entry = entries_[tag];
  BB_CHECK(entry.used, "{}: an answer to tag {}, which is not in flight", name_, tag);
  const BusRequest& request = entry.request;
  const uint64_t latency_ps = now_ps - request.time_ps;
  const bool write = request.op == BusOp::write;
  account_.depth_ps += latency_ps;
  if (entry.response == BusResponse::ok) {
    (write ? account_.write_bytes : account_.read_bytes) += request.size;
    (write ? account_.write_latency_ns : account_.read_latency_ns).add(latency_ps / 1000);
  }
  if (request.deadline_ps != kNoDeadline) {
    ++account_.deadlines;
    if (now_ps > request.deadline_ps) ++account_.deadlines_missed;
  }
  entry.used = false;
  --in_flight_;
  const bool was_blocked = blocked_;
  if (was_blocked) account_.blocked_ps += now_ps - blocked_since_ps_;
  client_->on_response(tag, entry.response, now_ps);
  if (!was_blocked) return;
  blocked_ = false;
  client_->on_ready(now_ps);
}

void RequestBus::MasterPort::state(StateArchive& archive) {
  archive.section("bus master");
  uint64_t count = entries_.size();
  archive.value("entries", count);
  if (count > UINT16_MAX + 1) archive.fail("entries", "more tags than there are");
  entries_.resize(count);
  for (Entry& entry : entries_) {
    archive.value("used", entry.used);
    if (!entry.used) continue;
    save_request(archive, entry.request);
    archive.value("base", entry.base);
    archive.value("target", entry.target);
    archive.value("routed", entry.routed);
    archive.value("answered", entry.answered);
    archive.value("response", entry.response);
    archive.value("head_ps", entry.head_ps);
    archive.value("not_ready_ps", entry.not_ready_ps);
    archive.value("data_ps", entry.data_ps);
  }
  std::vector<RequestTag> waiting(queue_.begin(), queue_.end());
  archive.vector("queue", waiting);
  for (const RequestTag tag : waiting) {
    if (tag >= count || !entries_[tag].used) archive.fail("queue", "a request that is not there");
  }
  queue_.assign(waiting.begin(), waiting.end());
  archive.value("in_flight", in_flight_);
  archive.value("blocked", blocked_);
  archive.value("blocked_since_ps", blocked_since_ps_);
  archive.value("channel_free_ps", channel_free_ps_);
  account_.state(archive);
}

void RequestBus::TargetPort::on_response(RequestTag tag, BusResponse response, uint64_t time_ps) {
  Owner& owner = owners_[tag];
  BB_CHECK(owner.used, "an answer to tag {} of a target, which is not in flight", tag);
  owner.used = false;
  free_.push_back(tag);
  MasterPort& master = *bus_.masters_[owner.master];
  Entry& entry = master.entry(owner.tag);
  entry.response = response;
  entry.answered = true;
  if (entry.request.op == BusOp::write) {
    return bus_.answer_at(std::max(time_ps, entry.data_ps), owner.master, owner.tag);
  }
  // Read data come through the target's channel, then through the master's.
  const uint64_t size = entry.request.size;
  uint64_t& target_free_ps = channel_free_ps_[static_cast<size_t>(BusOp::read)];
  uint64_t& master_free_ps = master.channel_free_ps_[static_cast<size_t>(BusOp::read)];
  const uint64_t target_beats_ps = bus_.beats_ps(size, bus_.target_width_log2_);
  const uint64_t left_ps = std::max(time_ps, target_free_ps + target_beats_ps);
  target_free_ps = left_ps;
  account_.read_busy_ps += target_beats_ps;
  const uint64_t free_ps = std::max({time_ps + bus_.cycle_ps_, entry.data_ps});
  const uint64_t done_ps =
      std::max({left_ps + bus_.cycle_ps_, master_free_ps + bus_.beats_ps(size, bus_.width_log2_), entry.data_ps});
  master.account_.channel_ps += done_ps - free_ps;
  master_free_ps = done_ps;
  bus_.answer_at(done_ps, owner.master, owner.tag);
}

void RequestBus::TargetPort::state(StateArchive& archive) {
  archive.section("bus target");
  arbiter_->state(archive);
  archive.vector("owners", owners_);
  for (const Owner& owner : owners_) {
    if (owner.used && owner.master >= bus_.masters_.size()) archive.fail("owners", "a master that does not exist");
  }
  archive.vector("free", free_);
  archive.value("later", later_);
  archive.value("ready_ps", ready_ps_);
  archive.value("granted_ps", granted_ps_);
  archive.value("channel_free_ps", channel_free_ps_);
  archive.value("account", account_);
}

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
    masters_.push_back(
        std::make_unique<MasterPort>(*this, static_cast<uint8_t>(i), std::move(masters[i]), treated.outstanding));
  }
  for (RequestPort* target : targets) {
    targets_.push_back(std::make_unique<TargetPort>(*this, target, make_arbiter(config.arbitration, shares)));
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
  const uint64_t from_ps = target.grant_from_ps();
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

/// One grant for each target that is ready; whoever still waits meets the next edge at which its target is.
void RequestBus::arbitrate(uint64_t now_ps) {
  for (uint32_t target = 0; target < targets_.size(); ++target) contend(target, now_ps);
  for (const auto& master : masters_) {
    if (!master->queue_.empty()) arrange(master->head());
  }
}

void RequestBus::contend(uint32_t target, uint64_t now_ps) {
  TargetPort& port = *targets_[target];
  if (port.later_ || now_ps < port.grant_from_ps()) return;
  contenders_.clear();
  for (const auto& master : masters_) {
    if (!master->waits(now_ps) || master->head().target != target) continue;
    const BusRequest& request = master->head().request;
    contenders_.push_back({master->number_, request.size, request.deadline_ps});
  }
  if (contenders_.empty()) return;
  MasterPort& granted = *masters_[contenders_[port.arbiter_->pick(contenders_)].master];
  grant(granted, target, now_ps);
  if (!granted.queue_.empty()) granted.become_head(now_ps);
}

void RequestBus::grant(MasterPort& master, uint32_t target, uint64_t now_ps) {
  TargetPort& port = *targets_[target];
  const RequestTag tag = master.queue_.front();
  Entry& entry = master.entry(tag);
  const BusRequest& request = entry.request;
  const uint64_t waited_ps = now_ps - entry.head_ps;
  const uint64_t not_ready_ps = std::min(port.not_ready_ps(now_ps) - entry.not_ready_ps, waited_ps);
  const uint64_t turn_ps = waited_ps - not_ready_ps;
  master.account_.target_ps += not_ready_ps;
  master.account_.arbitration_ps += turn_ps > cycle_ps_ ? turn_ps - cycle_ps_ : 0;
  if (now_ps - request.time_ps > config_.starvation_ps) {
    ++master.account_.starved;
    routes_.starved(request, now_ps - request.time_ps);
  }
  ++port.account_.requests;
  port.account_.not_ready_ps = port.not_ready_ps(now_ps);
  port.granted_ps_ = now_ps;

  uint64_t arrival_ps = now_ps + forward_ps_;
  const auto op = static_cast<size_t>(request.op);
  const uint64_t beats = beats_ps(request.size, width_log2_);
  if (request.op == BusOp::write) {
    const uint64_t start_ps = std::max({arrival_ps, master.channel_free_ps_[op], port.channel_free_ps_[op]});
    const uint64_t target_beats = beats_ps(request.size, target_width_log2_);
    master.account_.channel_ps += start_ps - arrival_ps;
    master.channel_free_ps_[op] = start_ps + beats;
    port.channel_free_ps_[op] = start_ps + target_beats;
    port.account_.write_busy_ps += target_beats;
    arrival_ps = start_ps + cycle_ps_;
    entry.data_ps = start_ps + beats;
  } else {
    entry.data_ps = arrival_ps + beats;
  }
  arrival_ps = std::max(arrival_ps, port.ready_ps_);
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
    port.ready_ps_ = arrival_ps;
    return port.on_response(passed.tag, response, arrival_ps + delay_ps);
  }
  const uint64_t ready_ps = port.port_->submit(passed);
  port.later_ = ready_ps == RequestPort::kLater;
  if (!port.later_) port.ready_ps_ = ready_ps;
}

void RequestBus::state(StateArchive& archive) {
  archive.section("request bus");
  for (auto& master : masters_) master->state(archive);
  for (auto& target : targets_) target->state(archive);
  for (const auto& master : masters_) {
    for (const Entry& entry : master->entries_) {
      if (entry.used && entry.target >= targets_.size()) archive.fail("target", "a target that does not exist");
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
