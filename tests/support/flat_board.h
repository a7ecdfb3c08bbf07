// A board for tests of the core: RAM, a page of registers that records accesses, and nothing else.
#pragma once

#include <cstring>
#include <functional>
#include <optional>
#include <vector>

#include "platform/bus/access.h"
#include "platform/cpu/core.h"
#include "platform/events/event_queue.h"

namespace backboard::test {

/// RAM at `base`, direct unless told otherwise, a second memory at kSide when somebody gives it bytes, and a device at
/// kDevice whose accesses call `on_device`.
class FlatBus final : public BusPort {
 public:
  static constexpr uint64_t kSide = 0x08000000;
  static constexpr uint64_t kDevice = 0x10000000;
  static constexpr uint64_t kDeviceBytes = 0x1000;

  explicit FlatBus(uint64_t base = 0x80000000, size_t size_bytes = 1 << 20) : base_(base), ram_(size_bytes) {}

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override {
    if (!access.debug) transactions++;
    if (on_access) on_access(access);
    if (in_ram(access.address, access.size) || in_side(access.address, access.size)) {
      uint8_t* at = this->at(access.address);
      if (access.op == BusOp::read) {
        std::memcpy(access.data, at, access.size);
      } else {
        std::memcpy(at, access.data, access.size);
      }
      if (!access.debug) delay_ps += access.op == BusOp::read ? read_latency_ps : write_latency_ps;
      return BusResponse::ok;
    }
    if (access.address < kDevice || access.address - kDevice >= kDeviceBytes) return BusResponse::decode;
    return on_device ? on_device(access, delay_ps) : BusResponse::target;
  }
  std::optional<DirectRegion> direct(uint64_t address) override {
    if (!offer_direct) return std::nullopt;
    if (in_side(address, 1)) {
      return DirectRegion{side.data(), kSide, kSide + side.size() - 1, true, true, read_latency_ps, write_latency_ps};
    }
    if (!in_ram(address, 1)) return std::nullopt;
    return DirectRegion{ram_.data(), base_, base_ + ram_.size() - 1, true, true, read_latency_ps, write_latency_ps};
  }

  bool in_ram(uint64_t address, uint64_t size_bytes) const {
    return address >= base_ && address - base_ < ram_.size() && ram_.size() - (address - base_) >= size_bytes;
  }
  bool in_side(uint64_t address, uint64_t size_bytes) const {
    return address >= kSide && address - kSide < side.size() && side.size() - (address - kSide) >= size_bytes;
  }
  uint8_t* at(uint64_t address) {
    return in_side(address, 1) ? side.data() + (address - kSide) : ram_.data() + (address - base_);
  }
  uint32_t word(uint64_t address) {
    uint32_t value = 0;
    std::memcpy(&value, at(address), sizeof value);
    return value;
  }
  void set_word(uint64_t address, uint32_t value) { std::memcpy(at(address), &value, sizeof value); }
  std::vector<uint8_t>& ram() { return ram_; }
  uint64_t base() const { return base_; }

  std::vector<uint8_t> side;
  bool offer_direct = true;
  uint64_t read_latency_ps = 0;
  uint64_t write_latency_ps = 0;
  uint64_t transactions = 0;
  std::function<void(const BusAccess&)> on_access;
  std::function<BusResponse(BusAccess&, uint64_t& delay_ps)> on_device;

 private:
  uint64_t base_;
  std::vector<uint8_t> ram_;
};

/// Runs events until the core stops, nothing is left to do, or `end_ps` is reached.
inline void run_board(EventQueue& queue, const Core& core, uint64_t end_ps = EventQueue::kNever) {
  while (core.stop_reason() == StopReason::none && queue.next_time_ps() != EventQueue::kNever &&
         queue.next_time_ps() <= end_ps) {
    queue.run_one();
  }
}

}  // namespace backboard::test
