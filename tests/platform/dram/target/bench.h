// A memory of some part with a client that remembers answers, bytes and commands.
#pragma once

#include <map>
#include <vector>

#include "platform/dram/target/memory_target.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {

struct TargetBench final : RequestClient, CommandSink {
  static constexpr uint64_t kWindow = 1 << 20;

  explicit TargetBench(const MemoryConfig& memory) : config(memory), bytes(kWindow) { target.set_client(*this); }
  uint8_t* request_data(RequestTag tag) override { return data[tag].data(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override {
    answers[tag] = {response, time_ps};
  }
  void issued(unsigned, const IssuedCommand& command) override { commands.push_back(command); }
  /// At the present or later; `size` bytes of 0x5A are written.
  uint64_t submit(BusOp op, uint64_t address, uint32_t size, RequestTag tag, uint64_t time_ps = 0) {
    BusRequest request;
    request.op = op;
    request.address = address;
    request.size = size;
    request.tag = tag;
    request.time_ps = std::max(time_ps, queue.now_ps());
    request.who.initiator = Initiator::npu;
    data[tag].assign(size, 0x5A);
    return target.submit(request);
  }
  void run() {
    while (queue.next_time_ps() != EventQueue::kNever) queue.run_one();
  }
  /// How often a command was issued.
  size_t count(Command command) const {
    return static_cast<size_t>(
        std::count_if(commands.begin(), commands.end(), [&](const IssuedCommand& c) { return c.command == command; }));
  }
  const DramCounters& npu() const { return target.by_initiator()[static_cast<size_t>(Initiator::npu)]; }

  MemoryConfig config;
  EventQueue queue;
  std::vector<uint8_t> bytes;
  MemoryTarget target{config, queue, bytes.data(), kWindow, this};
  std::map<RequestTag, std::vector<uint8_t>> data;
  std::map<RequestTag, std::pair<BusResponse, uint64_t>> answers;
  std::vector<IssuedCommand> commands;
};

}  // namespace backboard::dram
