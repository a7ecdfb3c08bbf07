// Masters that fight for the command-level DRAM over the arbitrated bus.
#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "platform/bus/request_bus.h"
#include "platform/dram/checker/checker.h"
#include "platform/dram/target/memory_target.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kWindow = 16 << 20;

/// Keeps as many requests going as the port takes: a stream, or anywhere.
class Stream final : public RequestClient {
 public:
  Stream(EventQueue& queue, RequestPort& port, uint64_t base, uint32_t size, BusOp op, bool random)
      : queue_(queue), port_(port), base_(base), size_(size), op_(op), random_(random), source_(base) {
    port.set_client(*this);
  }
  uint8_t* request_data(RequestTag tag) override { return data_[tag].data(); }
  void on_response(RequestTag tag, BusResponse, uint64_t) override {
    bytes += size_;
    free_.push_back(tag);
    pump();
  }
  void on_ready(uint64_t) override {
    ready_ = true;
    pump();
  }
  void pump() {
    while (ready_) {
      if (free_.empty()) {
        free_.push_back(static_cast<RequestTag>(data_.size()));
        data_.emplace_back(size_);
      }
      BusRequest request;
      request.tag = free_.back();
      free_.pop_back();
      const uint64_t number = random_ ? source_.next() : next_++;
      request.address = base_ + number % ((4 << 20) / size_) * size_;
      request.size = size_;
      request.op = op_;
      request.time_ps = queue_.now_ps();
      ready_ = port_.submit(request) != RequestPort::kLater;
    }
  }
  uint64_t bytes = 0;

 private:
  EventQueue& queue_;
  RequestPort& port_;
  uint64_t base_;
  uint32_t size_;
  BusOp op_;
  bool random_;
  SplitMix source_;
  uint64_t next_ = 0;
  bool ready_ = true;
  std::vector<std::vector<uint8_t>> data_;
  std::vector<RequestTag> free_;
};

/// Keeps as many reads going as the port takes, anywhere in the pieces of one of two channels of 64 KiB pieces.
class OneChannel final : public RequestClient {
 public:
  OneChannel(EventQueue& queue, RequestPort& port, uint64_t channel, uint32_t size)
      : queue_(queue), port_(port), channel_(channel), size_(size), source_(channel) {
    port.set_client(*this);
  }
  uint8_t* request_data(RequestTag) override { return data_.data(); }
  void on_response(RequestTag tag, BusResponse, uint64_t) override {
    bytes += size_;
    free_.push_back(tag);
    pump();
  }
  void on_ready(uint64_t) override {
    ready_ = true;
    pump();
  }
  void pump() {
    while (ready_) {
      if (free_.empty()) free_.push_back(tags_++);
      const uint64_t r = source_.next();
      BusRequest request;
      request.tag = free_.back();
      free_.pop_back();
      request.address = (r % 64 * 2 + channel_) * (64 << 10) + (r >> 32) % ((64 << 10) / size_) * size_;
      request.size = size_;
      request.time_ps = queue_.now_ps();
      ready_ = port_.submit(request) != RequestPort::kLater;
    }
  }
  uint64_t bytes = 0;

 private:
  EventQueue& queue_;
  RequestPort& port_;
  uint64_t channel_;
  uint32_t size_;
  SplitMix source_;
  bool ready_ = true;
  RequestTag tags_ = 0;
  std::vector<RequestTag> free_;
  std::array<uint8_t, 4096> data_{};
};

/// Everything is the DRAM.
struct Board final : RequestRoutes, CommandSink {
  explicit Board(const RouterConfig& bus_config, const MemoryConfig& memory_config)
      : config(memory_config), bus(bus_config, queue, *this, {"core", "npu", "dma"}, {&memory}) {}
  Route route(const BusRequest&) override { return {}; }
  void answered(const BusRequest&, uint32_t, BusResponse, const uint8_t*) override {}
  BusResponse access(uint32_t, BusAccess&, uint64_t&) override { return BusResponse::target; }
  void starved(const BusRequest&, uint64_t) override { ++starving; }
  void issued(unsigned channel, const IssuedCommand& command) override { commands[channel].push_back(command); }
  void run(uint64_t until_ps) {
    while (queue.next_time_ps() <= until_ps) queue.run_one();
  }

  MemoryConfig config;
  EventQueue queue;
  std::vector<uint8_t> bytes = std::vector<uint8_t>(kWindow);
  std::map<unsigned, std::vector<IssuedCommand>> commands;
  MemoryTarget memory{config, queue, bytes.data(), kWindow, this};
  RequestBus bus;
  uint64_t starving = 0;
};

RouterConfig weighted(uint32_t core, uint32_t npu, uint32_t dma) {
  RouterConfig config;
  config.width_bytes = 64;  // the DRAM is what they fight for
  config.arbitration = Arbitration::weighted;
  config.masters = {{BusMaster::core, 16, core, 0}, {BusMaster::npu, 16, npu, 0}, {BusMaster::dma, 16, dma, 0}};
  return config;
}

TEST_CASE("shares of the DRAM follow the weights within 5 %, whatever the masters' patterns") {
  struct Case {
    uint32_t core, npu, dma;
    const char* scheduler;
  };
  for (const Case& c : {Case{1, 1, 1, "frfcfs"}, Case{1, 4, 2, "frfcfs"}, Case{3, 1, 6, "frfcfs_grouped"}}) {
    const MemoryConfig config = part("lpddr4-3200", {std::string("controller.scheduler=") + c.scheduler});
    Board board(weighted(c.core, c.npu, c.dma), config);
    // A line reader at random, streams of bursts that read, pages that write.
    Stream core(board.queue, board.bus.port(0), 0, 64, BusOp::read, true),
        npu(board.queue, board.bus.port(1), 4 << 20, 256, BusOp::read, false),
        dma(board.queue, board.bus.port(2), 8 << 20, 1024, BusOp::write, false);
    core.pump(), npu.pump(), dma.pump();
    board.run(1'000'000'000);
    const auto all = static_cast<double>(core.bytes + npu.bytes + dma.bytes);
    const double weights = c.core + c.npu + c.dma;
    CAPTURE(core.bytes, npu.bytes, dma.bytes);
    CHECK(static_cast<double>(core.bytes) / all == Approx(c.core / weights).epsilon(0.05));
    CHECK(static_cast<double>(npu.bytes) / all == Approx(c.npu / weights).epsilon(0.05));
    CHECK(static_cast<double>(dma.bytes) / all == Approx(c.dma / weights).epsilon(0.05));
    CHECK(board.starving == 0);
    CHECK(check_commands(config, board.commands[0]).empty());
    // Conservation: bytes answered to masters, and those that the DRAM has answered and the bus still carries.
    uint64_t carried = 0, counted = 0;
    for (const auto& t : board.bus.in_transit()) carried += t.request.size;
    for (const DramCounters& by : board.memory.by_initiator()) counted += by.read_bytes + by.write_bytes;
    CHECK(core.bytes + npu.bytes + dma.bytes + carried == counted);
  }
}

TEST_CASE(
    "two channels answer every request, without a violation on either, with half as much bandwidth again at least") {
  MemoryConfig two = part("lpddr4-3200");
  two.channels = 2;
  // Channels take turns every 256 bytes.
  two.address.channel = {8};
  for (auto* list : {&two.address.column, &two.address.bank, &two.address.row}) {
    for (uint32_t& bit : *list) bit += bit >= 8 ? 1 : 0;
  }
  two.check();
  uint64_t bytes[2] = {};
  for (const bool both : {false, true}) {
    const MemoryConfig config = both ? two : part("lpddr4-3200");
    RouterConfig bus = weighted(1, 1, 1);
    bus.width_bytes = bus.target_width_bytes = 256;
    Board board(bus, config);
    Stream npu(board.queue, board.bus.port(1), 0, 2048, BusOp::read, false),
        dma(board.queue, board.bus.port(2), 4 << 20, 2048, BusOp::write, false);
    npu.pump(), dma.pump();
    board.run(500'000'000);
    bytes[both] = npu.bytes + dma.bytes;
    for (const auto& [channel, commands] : board.commands) CHECK(check_commands(config, commands).empty());
    CHECK(board.commands.size() == (both ? 2 : 1));
  }
  CAPTURE(bytes[0], bytes[1]);
  CHECK(static_cast<double>(bytes[1]) > 1.5 * static_cast<double>(bytes[0]));
}

/// `channels` of a part, which take turns every `bytes`.
MemoryConfig interleaved(const char* name, uint32_t channels, uint32_t bytes) {
  MemoryConfig config = part(name);
  const auto count = static_cast<uint32_t>(std::countr_zero(channels)),
             from = static_cast<uint32_t>(std::countr_zero(bytes));
  config.channels = channels;
  for (uint32_t i = 0; i < count; ++i) config.address.channel.push_back(from + i);
  for (auto* list : {&config.address.column, &config.address.group, &config.address.bank, &config.address.row}) {
    for (uint32_t& bit : *list) bit += bit >= from ? count : 0;
  }
  config.check();
  return config;
}

TEST_CASE("a channel that is full holds nobody back who wants another") {
  // A page reader at random rows of channel 0 alone, beside a line reader of channel 1: pieces of 64 KiB by channel.
  const MemoryConfig config = interleaved("lpddr4-3200", 2, 64 << 10);
  RouterConfig bus = weighted(1, 1, 1);
  bus.width_bytes = bus.target_width_bytes = 256;
  uint64_t alone = 0;
  for (const bool both : {false, true}) {
    Board board(bus, config);
    OneChannel hog(board.queue, board.bus.port(1), 0, 2048), reader(board.queue, board.bus.port(0), 1, 64);
    if (both) hog.pump();
    reader.pump();
    board.run(300'000'000);
    if (!both) alone = reader.bytes;
    CAPTURE(alone, reader.bytes, hog.bytes);
    CHECK(reader.bytes >= alone * 99 / 100);
    if (both) CHECK(hog.bytes > 1'000'000);
    for (const auto& [channel, commands] : board.commands) CHECK(check_commands(config, commands).empty());
  }
}

TEST_CASE("four channels of LPDDR5, a burst every two clocks each, give four times the bandwidth of one") {
  uint64_t bytes[2] = {};
  for (const uint32_t channels : {1u, 4u}) {
    const MemoryConfig config = channels == 1 ? part("lpddr5-6400") : interleaved("lpddr5-6400", channels, 512);
    RouterConfig bus = weighted(1, 1, 1);
    bus.width_bytes = bus.target_width_bytes = 256;
    bus.clock_hz = 800'000'000;
    Board board(bus, config);
    Stream a(board.queue, board.bus.port(1), 0, 2048, BusOp::read, false),
        b(board.queue, board.bus.port(2), 4 << 20, 2048, BusOp::read, false);
    a.pump(), b.pump();
    board.run(200'000'000);
    bytes[channels != 1] = a.bytes + b.bytes;
    CHECK(board.commands.size() == channels);
    for (const auto& [channel, commands] : board.commands) CHECK(check_commands(config, commands).empty());
  }
  CAPTURE(bytes[0], bytes[1]);
  CHECK(static_cast<double>(bytes[1]) > 3.7 * static_cast<double>(bytes[0]));
}

}  // namespace
}  // namespace backboard::dram
