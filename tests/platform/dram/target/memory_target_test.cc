// Requests of many bursts: when they are answered, what they move, and that a target can be saved at any moment.
#include "platform/dram/target/memory_target.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <map>

#include "platform/dram/checker/checker.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

constexpr uint64_t kClockPs = 625;
constexpr uint64_t kWindow = 1 << 20;

struct Bench final : RequestClient, CommandSink {
  explicit Bench(const MemoryConfig& memory = part("lpddr4-3200")) : config(memory), bytes(kWindow) {
    target.set_client(*this);
  }
  uint8_t* request_data(RequestTag tag) override { return data[tag].data(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override {
    answers[tag] = {response, time_ps};
  }
  void issued(unsigned, const IssuedCommand& command) override { commands.push_back(command); }
  uint64_t submit(BusOp op, uint64_t address, uint32_t size, RequestTag tag, uint64_t time_ps) {
    BusRequest request;
    request.op = op;
    request.address = address;
    request.size = size;
    request.tag = tag;
    request.time_ps = time_ps;
    request.who.initiator = Initiator::npu;
    data[tag].resize(size);
    return target.submit(request);
  }
  void run() {
    while (queue.next_time_ps() != EventQueue::kNever) queue.run_one();
  }
  void state(StateArchive& archive) {
    queue.state(archive);
    target.state(archive);
    archive.vector("bytes", bytes);
  }

  MemoryConfig config;
  EventQueue queue;
  std::vector<uint8_t> bytes;
  MemoryTarget target{config, queue, bytes.data(), kWindow, this};
  std::map<RequestTag, std::vector<uint8_t>> data;
  std::map<RequestTag, std::pair<BusResponse, uint64_t>> answers;
  std::vector<IssuedCommand> commands;
};

TEST_CASE("a request of a page takes the time of a closed bank and 63 further bursts, in one piece") {
  Bench bench;
  for (uint32_t i = 0; i < 2048; ++i) bench.bytes[4096 + i] = static_cast<uint8_t>(i * 7);
  const uint64_t ready_ps = bench.submit(BusOp::read, 4096, 2048, 3, 0);
  bench.run();
  // 75 clocks to the first burst's end, 8 for each other.
  REQUIRE(bench.answers.count(3) == 1);
  CHECK(bench.answers[3].second == (75 + 63 * 8) * kClockPs);
  CHECK(std::memcmp(bench.data[3].data(), &bench.bytes[4096], 2048) == 0);
  // 32 slots: the 33rd burst enters with the first column command, at 30, the 64th 31 bursts later.
  CHECK(ready_ps == (30 + 31 * 8) * kClockPs);
  CHECK(bench.target.counters().reads == 64);
  CHECK(bench.target.counters().activates == 1);
  CHECK(bench.target.by_initiator()[static_cast<size_t>(Initiator::npu)].read_bytes == 2048);
  CHECK(bench.target.in_flight() == 0);
}

TEST_CASE("a write moves only the bytes that it has, and a read behind it sees them") {
  Bench bench;
  bench.data[0] = {1, 2, 3, 4, 5, 6};
  bench.submit(BusOp::write, 60, 6, 0, 0);  // two bursts, both partial
  bench.submit(BusOp::read, 32, 64, 1, 10 * kClockPs);
  bench.run();
  for (uint32_t i = 0; i < 6; ++i) CHECK(bench.bytes[60 + i] == i + 1);
  CHECK(bench.bytes[59] == 0);
  CHECK(bench.bytes[66] == 0);
  CHECK(std::memcmp(bench.data[1].data(), &bench.bytes[32], 64) == 0);
  CHECK(bench.target.by_initiator()[static_cast<size_t>(Initiator::npu)].write_bursts == 2);
}

TEST_CASE("the board maps a window of the part, what leaves it is refused") {
  Bench bench;
  bench.submit(BusOp::read, kWindow - 32, 32, 0, 0);
  bench.submit(BusOp::read, kWindow - 16, 32, 1, kClockPs);
  bench.submit(BusOp::write, UINT64_MAX - 8, 32, 2, 2 * kClockPs);
  bench.run();
  CHECK(bench.answers[0].first == BusResponse::ok);
  CHECK(bench.answers[1].first == BusResponse::target);
  CHECK(bench.answers[2].first == BusResponse::target);
}

TEST_CASE("a request served in line takes the time of a submitted one when alone, and waits for others otherwise") {
  uint8_t word[4] = {};
  BusRequest request;
  request.address = 64;
  request.size = 4;
  request.op = BusOp::read;
  Bench alone;
  alone.bytes[65] = 9;
  CHECK(alone.target.serve_in_line(request, word) == 75 * kClockPs);
  CHECK(word[1] == 9);
  request.time_ps = 1000 * kClockPs;
  CHECK(alone.target.serve_in_line(request, word) == 1046 * kClockPs);
  CHECK(alone.answers.empty());
  CHECK(alone.target.in_flight() == 0);

  Bench busy_bench;
  busy_bench.submit(BusOp::read, 0x8000, 2048, 0, 0);
  request.time_ps = 600 * kClockPs;  // the page's last data pass at 579
  CHECK(busy_bench.target.serve_in_line(request, word) > 600 * kClockPs);
  request.time_ps = 700 * kClockPs;
  busy_bench.submit(BusOp::read, 0x4000, 2048, 1, 700 * kClockPs);
  CHECK(busy_bench.target.serve_in_line(request, word) > 746 * kClockPs);
  busy_bench.run();
  CHECK(busy_bench.answers.count(1) == 1);
  CHECK(check_commands(busy_bench.config, busy_bench.commands).empty());
}

/// Requests of several sizes and masters, some of which overlap in time.
void busy(Bench& bench, uint64_t seed, int count) {
  SplitMix random(seed);
  uint64_t free_ps = bench.queue.now_ps();
  for (int i = 0; i < count; ++i) {
    const uint64_t r = random.next();
    const auto size = static_cast<uint32_t>(1 + (r >> 8) % 600);
    const uint64_t time_ps = std::max(free_ps, bench.queue.now_ps()) + (r >> 40) % 8 * 20'000;
    bench.queue.run_until(time_ps);
    free_ps = bench.submit((r & 3) == 0 ? BusOp::write : BusOp::read, r % (kWindow - 1024), size,
                           static_cast<RequestTag>(i), time_ps);
  }
}

TEST_CASE("a target saved with requests in flight and restored gives the same answers and commands") {
  for (const char* scheduler : {"frfcfs", "frfcfs_grouped"}) {
    const MemoryConfig config =
        part("lpddr4-3200", {std::string("controller.scheduler=") + scheduler, "controller.page=adaptive"});
    Bench first(config);
    busy(first, 42, 60);
    StateArchive saved;
    first.state(saved);
    REQUIRE(first.target.in_flight() > 0);

    Bench second(config);
    second.data = first.data;
    StateArchive restored(saved.bytes(), "test");
    second.state(restored);
    const size_t answered = first.answers.size();
    second.answers = first.answers;
    second.commands = first.commands;
    for (Bench* bench : {&first, &second}) {
      bench->queue.run_until(bench->queue.now_ps() + 2'000'000);
      bench->answers.size();
      busy(*bench, 7, 60);
      bench->run();
    }
    CHECK(first.answers.size() >= answered);
    CHECK(first.answers == second.answers);
    CHECK(first.commands == second.commands);
    CHECK(first.bytes == second.bytes);
    CHECK(check_commands(config, first.commands).empty());
  }
}

TEST_CASE("commands and answers are the same whenever the model is made to compute them") {
  const MemoryConfig config = part("lpddr4-3200");
  Bench lazy(config), eager(config);
  busy(lazy, 3, 40);
  lazy.run();
  SplitMix random(3);
  uint64_t free_ps = 0;
  for (int i = 0; i < 40; ++i) {
    const uint64_t r = random.next();
    const auto size = static_cast<uint32_t>(1 + (r >> 8) % 600);
    const uint64_t time_ps = std::max(free_ps, eager.queue.now_ps()) + (r >> 40) % 8 * 20'000;
    for (uint64_t t = eager.queue.now_ps(); t < time_ps; t += 3 * kClockPs) {
      eager.queue.run_until(t);
      eager.target.settle(t);
    }
    eager.queue.run_until(time_ps);
    free_ps = eager.submit((r & 3) == 0 ? BusOp::write : BusOp::read, r % (kWindow - 1024), size,
                           static_cast<RequestTag>(i), time_ps);
  }
  eager.run();
  CHECK(lazy.answers == eager.answers);
  CHECK(lazy.commands == eager.commands);
}

}  // namespace
}  // namespace backboard::dram
