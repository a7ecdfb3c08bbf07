#include "platform/bus/request_bus_ports.h"

#include <algorithm>

namespace backboard {

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
    entry.lane = bus_.targets_[route.target]->lane_of(request.address - route.base);
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
  next.not_ready_ps = bus_.targets_[next.target]->not_ready_ps(next.lane, next.head_ps);
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
    archive.value("lane", entry.lane);
    archive.value("routed", entry.routed);
    archive.value("answered", entry.answered);
    archive.value("starved", entry.starved);
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
  uint64_t& target_free_ps = lanes_[entry.lane].channel_free_ps[static_cast<size_t>(BusOp::read)];
  uint64_t& master_free_ps = master.channel_free_ps_[static_cast<size_t>(BusOp::read)];
  const uint64_t target_beats_ps = bus_.beats_ps(size, width_log2_);
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
  for (Lane& lane : lanes_) {
    lane.arbiter->state(archive);
    archive.value("ready_ps", lane.ready_ps);
    archive.value("granted_ps", lane.granted_ps);
    archive.value("not_ready_ps", lane.not_ready_ps);
    archive.value("channel_free_ps", lane.channel_free_ps);
  }
  archive.vector("owners", owners_);
  for (const Owner& owner : owners_) {
    if (owner.used && owner.master >= bus_.masters_.size()) archive.fail("owners", "a master that does not exist");
  }
  archive.vector("free", free_);
  archive.value("later", later_);
  archive.value("arrived_ps", arrived_ps_);
  archive.value("account", account_);
}

}  // namespace backboard
