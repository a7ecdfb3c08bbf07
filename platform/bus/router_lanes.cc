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
  const bool watched = bus.watches(lane.first, size);
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

MemoryLane* Router::Lane::memory_lane(uint64_t address) {
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
  if (!lane) {
    lane = std::make_shared<MemoryLane>(
        MemoryLane::Parts{.way = *this,
                          .target = socket_there->target(),
                          .base = base,
                          .latency_ps = bus.latency_ps_,
                          .beat_ps = bus.beat_ps_,
                          .channel_free_ps = bus.channel_free_ps_[master].data(),
                          .watched = bus.watched_,
                          .traffic = index == bus.traffic_target_ ? &bus.traffic_ : nullptr,
                          .points = {port, &bus.counters_[master][index], &socket_there->counters()},
                          .beats_ps = [&bus](uint64_t bytes) { return bus.beats_ps(bytes); }});
  }
  return lane.get();
}

}  // namespace backboard
