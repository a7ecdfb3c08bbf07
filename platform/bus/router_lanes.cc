// Short ways of the core: to a device (DeviceLane), and to a memory.
#include <algorithm>

#include "platform/bus/router.h"

namespace backboard {

DeviceLane* Router::Lane::device_lane(uint64_t address) {
  Router& bus = *router;
  BB_CHECK(master == static_cast<size_t>(BusMaster::core), "lanes of master {}", master);
  const uint32_t index = bus.map_.find(address, 1);
  if (index == AddressMap::kNobody || index == bus.traffic_target_) return nullptr;
  TargetSocket* const socket_there = bus.shortened_[index];
  if (socket_there == nullptr || !socket_there->is_device()) return nullptr;
  DeviceLane& lane = bus.device_lanes_[index];
  if (lane.target != nullptr) return &lane;
  lane.first = bus.map_[index].base;
  lane.last = bus.map_[index].last;
  lane.largest_bytes = bus.config_.width_bytes;
  const uint64_t size = lane.last - lane.first + 1;
  const bool watched = bus.watch_ && lane.first <= bus.watch_last_ && bus.watch_first_ <= lane.last;
  for (const BusOp op : {BusOp::read, BusOp::write}) {
    lane.allowed[static_cast<size_t>(op)] =
        bus.windows_[master].allows(op, lane.first, size) && !(op == BusOp::write && watched);
  }
  lane.target = &socket_there->target();
  lane.latency_ps = bus.latency_ps_;
  lane.beat_ps = bus.beat_ps_;
  lane.channel_free_ps = bus.channel_free_ps_[master].data();
  lane.points = {port, &bus.counters_[master][index], &socket_there->counters()};
  return &lane;
}

/// What the core's port, the bus and the memory's socket do to an access, in one function: `cross` where it is known
/// that the core's windows allow everything, that nobody listens to the core, and where the access goes.
class Router::MemoryLane final : public BusPort {
 public:
  MemoryLane(Lane& way, uint32_t index)
      : router_(*way.router),
        way_(way),
        target_(router_.shortened_[index]->target()),
        base_(router_.map_[index].base),
        traffic_(index == router_.traffic_target_),
        points_{way.port, &router_.counters_[way.master][index], &router_.shortened_[index]->counters()} {}

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    const uint64_t address = access.address, time_ps = access.time_ps;
    const bool write = access.op == BusOp::write;
    if (write && router_.watches(address, access.size)) {
      const BusResponse response = way_.access(access, delay_ps);
      points_[0]->count(BusOp::write, access.size, response);
      return response;
    }
    uint64_t& channel_free_ps = router_.channel_free_ps_[way_.master][static_cast<size_t>(access.op)];
    const uint64_t start_ps = std::max(time_ps + delay_ps, channel_free_ps);
    if (access.size != last_bytes_) {
      last_bytes_ = access.size;
      last_beats_ps_ = router_.beats_ps(access.size);
    }
    channel_free_ps = start_ps + last_beats_ps_;
    const uint64_t passed_ps = channel_free_ps + router_.latency_ps_;
    const uint64_t arrival_ps = start_ps + router_.latency_ps_ + (write ? router_.beat_ps_ : 0);
    uint64_t taken_ps = 0;
    access.address = address - base_;
    access.time_ps = arrival_ps;
    const BusResponse response = target_.access(access, taken_ps);
    access.address = address;
    access.time_ps = time_ps;
    delay_ps = std::max(arrival_ps + taken_ps + (write ? 0 : router_.beat_ps_), passed_ps) - time_ps;
    if (response != BusResponse::ok) [[unlikely]] {
      count(access.op, access.size, response);
    } else if (write) {
      count(BusOp::write, access.size, BusResponse::ok);
    } else {
      count(BusOp::read, access.size, BusResponse::ok);
    }
    // What the core moves belongs to no command of the NPU.
    if (response == BusResponse::ok && traffic_) router_.traffic_.record(access.who, access.op, access.size);
    return response;
  }
  std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }

 private:
  [[gnu::always_inline]] void count(BusOp op, uint64_t bytes, BusResponse response) {
    points_[0]->count(op, bytes, response);
    points_[1]->count(op, bytes, response);
    points_[2]->count(op, bytes, response);
  }

  Router& router_;
  Lane& way_;
  BusTarget& target_;
  uint64_t base_;
  bool traffic_;  ///< told apart by owner
  std::array<PortCounters*, 3> points_;
  uint32_t last_bytes_ = 0;  ///< and how long their beats take: lines are alike
  uint64_t last_beats_ps_ = 0;
};

BusPort* Router::Lane::memory_lane(uint64_t address) {
  Router& bus = *router;
  BB_CHECK(master == static_cast<size_t>(BusMaster::core), "lanes of master {}", master);
  const uint32_t index = bus.map_.find(address, 1);
  if (index == AddressMap::kNobody || port == nullptr) return nullptr;
  TargetSocket* const socket_there = bus.shortened_[index];
  if (socket_there == nullptr || socket_there->is_device()) return nullptr;
  const uint64_t base = bus.map_[index].base, size = bus.map_[index].last - base + 1;
  for (const BusOp op : {BusOp::read, BusOp::write}) {
    if (!bus.windows_[master].allows(op, base, size)) return nullptr;
  }
  std::shared_ptr<MemoryLane>& lane = bus.memory_lanes_[index];
  if (!lane) lane = std::make_shared<MemoryLane>(*this, index);
  return lane.get();
}

}  // namespace backboard
