// A bus master's way to one device, with all that lies between taken together.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "platform/bus/access.h"
#include "platform/bus/port_counters.h"

namespace backboard {

/// What the master's port, the bus and the device's socket do to an access that is within one beat and allowed, in one
/// function: the same time, response and counters. Software polls registers, and would else spend its time on the way.
///
/// It is for a master whose accesses nobody watches (Router::on_foreign_access). It belongs to the bus, which keeps it
/// where it is as long as it lives.
struct DeviceLane {
  uint64_t first = 1, last = 0;    ///< absolute, inclusive; nothing at first
  uint32_t largest_bytes = 0;      ///< of an access
  bool allowed[2] = {};            ///< by BusOp; what is not allowed takes the long way
  BusTarget* target = nullptr;     ///< a device: never memory
  uint64_t latency_ps = 0;         ///< of the bus
  uint64_t beat_ps = 0;            ///< one cycle of the bus
  uint64_t* channel_free_ps = {};  ///< of the master, by BusOp
  /// Points that count what passes: the master's port, the bus, the device's socket.
  std::array<PortCounters*, 3> points{};

  bool takes(BusOp op, uint64_t address, uint32_t size_bytes) const {
    return address >= first && size_bytes <= largest_bytes && address + (size_bytes - 1) <= last &&
           allowed[static_cast<size_t>(op)];
  }
  /// `access.address` is absolute, and the lane takes it. Adds to `delay_ps` the time from `access.time_ps` to the
  /// answer: a beat goes before a write arrives, or behind the device's answer to a read.
  BusResponse access(BusAccess& access, uint64_t& delay_ps) {
    const uint64_t offered_ps = access.time_ps;
    uint64_t& free_ps = channel_free_ps[static_cast<size_t>(access.op)];
    const uint64_t start_ps = std::max(offered_ps, free_ps);
    free_ps = start_ps + beat_ps;
    access.address -= first;
    access.time_ps = start_ps + latency_ps + (access.op == BusOp::write ? beat_ps : 0);
    uint64_t taken_ps = 0;
    const BusResponse response = target->access(access, taken_ps);
    delay_ps += start_ps + latency_ps + beat_ps + taken_ps - offered_ps;
    for (PortCounters* point : points) point->count(access.op, access.size, response);
    return response;
  }
};

class MemoryLane;

/// A port that knows lanes, which are for one master. They belong to the bus, and stay where they are as long as it
/// lives.
class BusLanes {
 public:
  virtual ~BusLanes() = default;
  /// The lane to the device at an absolute address; nullptr when there is none.
  virtual DeviceLane* device_lane(uint64_t address) = 0;
  /// A way to the memory at an absolute address, for accesses that lie within it whole and are no debug accesses: the
  /// same times, responses and counters as by the port itself, and no direct regions. nullptr when there is none.
  virtual MemoryLane* memory_lane(uint64_t address) = 0;
};

}  // namespace backboard
