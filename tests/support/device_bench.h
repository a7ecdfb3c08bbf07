// What the tests of a device need: a queue, wires that remember, findings, and register accesses in one line.
#pragma once

#include <cstring>
#include <map>
#include <string>
#include <vector>

#include "platform/bus/access.h"
#include "platform/events/event_queue.h"
#include "tests/support/finding_list.h"

namespace backboard::test {

/// Remembers every change of level with its time.
class WireLog final : public IrqSink {
 public:
  struct Change {
    uint64_t time_ps;
    uint32_t line;
    bool level;
    bool operator==(const Change&) const = default;
  };
  explicit WireLog(const EventQueue& queue) : queue_(queue) {}
  void set_level(uint32_t line, bool level) override {
    changes.push_back({queue_.now_ps(), line, level});
    levels[line] = level;
  }
  bool level(uint32_t line) const { return levels.count(line) != 0 && levels.at(line); }

  std::vector<Change> changes;
  std::map<uint32_t, bool> levels;

 private:
  const EventQueue& queue_;
};

/// A target with register accesses at the queue's time.
struct DeviceBench {
  EventQueue queue;
  WireLog wires{queue};
  FindingList findings;
  BusTarget* target = nullptr;
  BusResponse response = BusResponse::ok;
  uint64_t delay_ps = 0;

  BusResponse access(BusOp op, uint64_t address, void* data, uint32_t size, bool debug = false) {
    BusAccess access{op, address, static_cast<uint8_t*>(data), size, queue.now_ps(), {}, debug};
    access.who.initiator = Initiator::core_data;
    delay_ps = 0;
    return response = target->access(access, delay_ps);
  }
  uint32_t read(uint64_t address, uint32_t size = 4) {
    uint32_t value = 0;
    access(BusOp::read, address, &value, size);
    return value;
  }
  uint32_t peek(uint64_t address, uint32_t size = 4) {
    uint32_t value = 0;
    access(BusOp::read, address, &value, size, true);
    return value;
  }
  BusResponse write(uint64_t address, uint32_t value, uint32_t size = 4) {
    return access(BusOp::write, address, &value, size);
  }
};

}  // namespace backboard::test
