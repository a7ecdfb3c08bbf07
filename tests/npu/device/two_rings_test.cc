// Two command rings on one engine: who is next, what stays untouched, errors, resets, saving.
#include <catch2/catch.hpp>

#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;
using npu_regs::Reg;

namespace {

/// Completed commands in their order.
class Order final : public CommandObserver {
 public:
  void on_command(const Job& job, uint64_t start_ps, uint64_t end_ps) override {
    rings += job.ring == 0 ? '0' : '1';
    last_ps = end_ps;
    if (job.ring == 1) first_of_ring1_ps = std::min(first_of_ring1_ps, start_ps);
  }
  std::string rings;
  uint64_t last_ps = 0, first_of_ring1_ps = UINT64_MAX;
};

/// A training-like chain for ring 0 and a forward pass for ring 1, each with tensors of its own.
struct TwoRings {
  NpuBench bench;
  Order order;
  BenchTensor x, w, y, dx, master, momentum, copy, other_x, other_w, other_y;
  std::vector<Command> training;
  Command inference;

  explicit TwoRings(const EngineRow& row = engine_table()[0]) : bench(config_of(row, 32 * 1024), 1 << 20) {
    bench.device.observe_commands(&order);
    const bool coded = has_format(row.offer().multiply, TensorFormat::kFGMP);
    TensorOptions f = format(main_format_of(row.offer()));
    if (coded) f.block_channels = 1, f.block_rows = 2;
    f.statistics = true;
    TensorOptions kernel = format(f.format);
    if (coded) kernel.block_channels = 1, kernel.block_rows = 3;
    const auto input = [&](std::array<uint32_t, 4> shape, const TensorOptions& options, uint32_t seed) {
      const BenchTensor t = bench.tensor(shape, options);
      bench.fill(t, noise(t.elements(), seed));
      return t;
    };
    x = input({2, 8, 12, 12}, f, 1), w = input({8, 8, 3, 3}, kernel, 2);
    other_x = input({1, 8, 12, 12}, f, 3), other_w = input({8, 8, 3, 3}, kernel, 4);
    master = input({8, 8, 3, 3}, {}, 5), momentum = input({8, 8, 3, 3}, {}, 6);
    y = bench.tensor({2, 8, 12, 12}, f), dx = bench.tensor({2, 8, 12, 12}, f);
    other_y = bench.tensor({1, 8, 12, 12}, f), copy = bench.tensor({8, 8, 3, 3}, kernel);
    Command ff = command_of(Opcode::kCONV_FF, kFlagRELU);
    set_window(ff, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    ff.tensor0 = x.descriptor_address, ff.tensor1 = w.descriptor_address, ff.tensor2 = y.descriptor_address;
    inference = ff;
    inference.phase = static_cast<uint8_t>(Phase::kINFERENCE);
    inference.tensor0 = other_x.descriptor_address, inference.tensor1 = other_w.descriptor_address;
    inference.tensor2 = other_y.descriptor_address;
    Command bp = ff;
    bp.opcode = static_cast<uint8_t>(Opcode::kCONV_BP), bp.flags = 0;
    bp.tensor0 = y.descriptor_address, bp.tensor2 = dx.descriptor_address;
    npu_hyper hyper{};
    hyper.learning_rate = 0.1f, hyper.momentum = 0.5f, hyper.gradient_scale = 1;
    Command wg = ff;
    wg.opcode = static_cast<uint8_t>(Opcode::kCONV_WG), wg.flags = kFlagUPDATE | kFlagMOMENTUM | kFlagCOPY;
    wg.tensor1 = y.descriptor_address, wg.tensor2 = 0, wg.tensor3 = master.descriptor_address;
    wg.tensor4 = momentum.descriptor_address, wg.tensor5 = copy.descriptor_address;
    wg.parameters = bench.place(hyper);
    training = {ff, bp, wg};
    start(0);
    start(1);
  }

  void start(unsigned ring) {
    bench.ring = ring;
    bench.start();
    bench.ring = 0;
  }
  void prefer(uint32_t ring0, uint32_t ring1) { bench.write(Reg::NPU_PRIORITY, ring0 | ring1 << 4); }
  void submit(unsigned ring, const Command& command) {
    bench.ring = ring;
    bench.submit(command);
    bench.ring = 0;
  }
  void train() {
    for (const Command& command : training) submit(0, command);
  }
  /// Runs `events` events, or to the end. Gives how many there were.
  uint32_t run(uint32_t events = UINT32_MAX) {
    uint32_t done = 0;
    for (; done < events && bench.queue.next_time_ps() != EventQueue::kNever; ++done) bench.queue.run_one();
    return done;
  }
  /// What training wrote.
  std::vector<uint8_t> trained() {
    std::vector<uint8_t> all;
    for (const BenchTensor* t : {&y, &dx, &master, &momentum, &copy}) {
      const std::vector<uint8_t> image = bench.image(*t);
      all.insert(all.end(), image.begin(), image.end());
    }
    return all;
  }
  std::vector<uint8_t> inferred() { return bench.image(other_y); }
  std::vector<uint8_t> snapshot() {
    StateArchive archive;
    bench.state(archive);
    return archive.bytes();
  }
};

Command nop() {
  return command_of(Opcode::kNOP);
}

}  // namespace

TEST_CASE(
    "Of two rings that wait, the one of the higher priority is next at the command boundary, and equal ones in turn") {
  const struct {
    uint32_t ring0, ring1;
    const char* order;
  } cases[] = {{0, 1, "0111000"}, {7, 8, "0111000"}, {1, 0, "0000111"}, {15, 14, "0000111"}, {0, 0, "0101010"}};
  for (const auto& c : cases) {
    CAPTURE(c.ring0, c.ring1);
    TwoRings two;
    two.prefer(c.ring0, c.ring1);
    two.train();
    two.submit(0, nop());
    two.run(5);  // in the middle of the first command
    for (int i = 0; i < 3; ++i) two.submit(1, two.inference);
    two.run(1);  // until the doorbell's moment has come
    CHECK((two.bench.read(Reg::NPU_RING1_STATUS) & 9) == 9);
    two.run();
    CHECK(two.order.rings == c.order);
    CHECK(two.bench.read(Reg::NPU_RING_HEAD) == 4);
    CHECK(two.bench.read(Reg::NPU_RING1_HEAD) == 3);
    CHECK(two.bench.read(Reg::NPU_RING1_STATUS) == 0);
  }
}

TEST_CASE("A priority that changes while rings wait counts at the next boundary") {
  TwoRings two;
  two.prefer(1, 0);
  two.train();
  two.run(5);
  two.submit(1, two.inference);
  two.prefer(1, 2);
  two.run();
  CHECK(two.order.rings == "0100");
}

TEST_CASE("A group is not interrupted, whether its commands run together or in order") {
  for (const EngineRow& row : engine_table()) {
    CAPTURE(row.name);
    TwoRings two(row);
    two.prefer(0, 1);
    two.submit(0, command_of(Opcode::kGROUP_BEGIN));
    // Engines that run groups together take some combinations of commands only: one command is always one.
    two.submit(0, two.training[0]);
    two.run(3);
    two.submit(1, two.inference);
    two.run();
    // The group is open and empty of work: nobody else gets in.
    CHECK(two.bench.read(Reg::NPU_RING1_HEAD) == 0);
    CHECK((two.bench.read(Reg::NPU_STATUS) & 4) == 4);
    CHECK((two.bench.read(Reg::NPU_RING1_STATUS) & 9) == 9);
    two.submit(0, command_of(Opcode::kGROUP_END));
    two.run();
    REQUIRE(two.bench.read(Reg::NPU_ERROR_CODE) == 0);
    CHECK(two.order.rings == "0001");
  }
}

TEST_CASE("Counters tell the rings apart, and waiting from running") {
  TwoRings two;
  two.prefer(0, 1);
  two.train();
  two.run(5);
  const uint64_t rung_ps = two.bench.queue.now_ps();
  two.submit(1, two.inference);
  two.run();
  const uint64_t busy0 = two.bench.perf(Reg::NPU_PERF_RING0_BUSY_LO),
                 busy1 = two.bench.perf(Reg::NPU_PERF_RING1_BUSY_LO);
  CHECK(two.bench.perf(Reg::NPU_PERF_RING0_COMMANDS_LO) == 3);
  CHECK(two.bench.perf(Reg::NPU_PERF_RING1_COMMANDS_LO) == 1);
  CHECK(two.bench.perf(Reg::NPU_PERF_COMMANDS_LO) == 4);
  CHECK(two.bench.perf(Reg::NPU_PERF_BUSY_LO) == busy0 + busy1);
  // 5 ns a cycle. Ring 1 waited from its doorbell to the end of the first command, ring 0 as long as ring 1 ran.
  CHECK(two.bench.perf(Reg::NPU_PERF_RING1_WAIT_LO) == (two.order.first_of_ring1_ps - rung_ps) / 5000);
  CHECK(two.bench.perf(Reg::NPU_PERF_RING0_WAIT_LO) == busy1);
  CHECK(busy0 + busy1 == two.order.last_ps / 5000);
  two.bench.write(Reg::NPU_PERF_CTRL, 1);
  CHECK(two.bench.perf(Reg::NPU_PERF_RING1_COMMANDS_LO) == 0);
  CHECK(two.bench.device.totals().rings[1].commands == 1);
}

TEST_CASE("A command in between, at any boundary and at any priority, changes no byte of either ring") {
  for (const EngineRow& row : engine_table()) {
    CAPTURE(row.name);
    TwoRings alone(row);
    alone.train();
    const uint32_t events = alone.run();
    const std::vector<uint8_t> trained = alone.trained();
    REQUIRE(alone.bench.read(Reg::NPU_ERROR_CODE) == 0);
    TwoRings other(row);
    other.submit(1, other.inference);
    other.run();
    REQUIRE(other.bench.read(Reg::NPU_RING1_ERROR_CODE) == 0);
    const std::vector<uint8_t> inferred = other.inferred();
    for (uint32_t cut = 0; cut < events; cut += 1 + events / 12) {
      for (const uint32_t priority : {0u, 1u, 2u}) {
        TwoRings two(row);
        two.prefer(1, priority);
        two.train();
        two.run(cut);
        two.submit(1, two.inference);
        two.submit(1, two.inference);
        two.run();
        CHECK((two.trained() == trained));
        CHECK((two.inferred() == inferred));
        CHECK(two.bench.device.totals().energy.total_pj() == Approx(alone.bench.device.totals().energy.total_pj() +
                                                                    2 * other.bench.device.totals().energy.total_pj()));
      }
    }
  }
}

TEST_CASE("An error stops its ring alone, whose registers say it, and the other goes on, and the ring is reset alone") {
  for (const unsigned bad : {0u, 1u}) {
    CAPTURE(bad);
    TwoRings two;
    const RingRegisters &regs = ring_registers()[bad], &good = ring_registers()[1 - bad];
    Command wrong = nop();
    wrong.opcode = 200;
    two.submit(bad, nop());
    two.submit(bad, wrong);
    two.submit(1 - bad, two.inference);
    two.submit(1 - bad, two.inference);
    two.run();
    CHECK(two.bench.read(regs.error_code) == static_cast<uint32_t>(ErrorCode::kOPCODE));
    CHECK(two.bench.read(regs.error_index) == 1);
    CHECK(two.bench.read(regs.error_address) == two.bench.read(regs.base) + 64);
    CHECK(two.bench.read(regs.status) == 2);
    CHECK(two.bench.read(good.error_code) == 0);
    CHECK(two.bench.read(good.status) == 0);
    CHECK(two.bench.read(good.head) == 2);
    CHECK(two.bench.read(Reg::NPU_IRQ_STATUS) == (bad == 0 ? 2u : 16u));
    CHECK(two.bench.irq.high);
    REQUIRE(two.bench.findings.list.size() == 1);
    CHECK(two.bench.findings.list[0].reason.find(bad == 0 ? "command 1 of the ring" : "command 1 of ring 1") == 0);
    two.bench.write(regs.control, bad == 0 ? 4 : 2);
    two.bench.submitted[bad] = 0;
    CHECK(two.bench.read(regs.status) == 0);
    CHECK_FALSE(two.bench.irq.high);
    CHECK(two.bench.read(good.head) == 2);
    two.start(bad);
    two.submit(bad, nop());
    two.submit(1 - bad, nop());
    two.run();
    CHECK(two.bench.read(regs.head) == 1);
    CHECK(two.bench.read(good.head) == 3);
  }
}

TEST_CASE("A doorbell that is wrong, and a ring that cannot be, stop their ring while the other's command runs on") {
  TwoRings alone;
  alone.train();
  alone.run();
  TwoRings two;
  two.train();
  two.run(5);
  two.bench.write(Reg::NPU_RING1_TAIL, NpuBench::kRingSlots + 1);
  CHECK(two.bench.read(Reg::NPU_RING1_ERROR_CODE) == static_cast<uint32_t>(ErrorCode::kRING));
  two.run(5);
  two.bench.write(Reg::NPU_RING1_CTRL, 2);
  two.bench.write(Reg::NPU_RING1_SIZE, 3);
  two.bench.write(Reg::NPU_RING1_CTRL, 1);
  CHECK(two.bench.read(Reg::NPU_RING1_ERROR_CODE) == static_cast<uint32_t>(ErrorCode::kRING));
  two.run();
  CHECK(two.bench.read(Reg::NPU_ERROR_CODE) == 0);
  CHECK((two.trained() == alone.trained()));
  CHECK(two.order.last_ps == alone.order.last_ps);
}

TEST_CASE("A reset of one ring at any moment leaves the bytes of the other, and gives it the engine") {
  TwoRings alone;
  alone.train();
  alone.run();
  const std::vector<uint8_t> trained = alone.trained();
  TwoRings both;
  both.prefer(0, 1);
  both.train();
  both.submit(1, both.inference);
  const uint32_t events = both.run();
  for (uint32_t cut = 0; cut < events; ++cut) {
    TwoRings two;
    two.prefer(0, 1);
    two.train();
    two.submit(1, two.inference);
    two.run(cut);
    two.bench.ring = 1;
    two.bench.reset();
    two.bench.ring = 0;
    CHECK(two.bench.read(Reg::NPU_RING1_STATUS) == 0);
    two.run();
    CHECK((two.trained() == trained));
    CHECK(two.bench.read(Reg::NPU_RING_HEAD) == 3);
  }
}

TEST_CASE("A soft reset of both rings at any moment leaves nothing to happen, and both run again") {
  TwoRings both;
  both.train();
  both.submit(1, both.inference);
  const uint32_t events = both.run();
  const std::vector<uint8_t> trained = both.trained(), inferred = both.inferred();
  for (uint32_t cut = 0; cut < events; cut += 3) {
    TwoRings two;
    two.train();
    two.submit(1, two.inference);
    two.run(cut);
    two.bench.reset();
    CHECK(two.bench.queue.next_time_ps() == EventQueue::kNever);
    CHECK(two.bench.read(Reg::NPU_RING_HEAD) + two.bench.read(Reg::NPU_RING1_HEAD) == 0);
    two.start(0);
    two.start(1);
    // What a step writes it also reads (weights, momentum): only the forward part can be repeated.
    two.submit(0, two.training[0]);
    two.submit(1, two.inference);
    two.run();
    CHECK((two.bench.image(two.y) == both.bench.image(both.y)));
    CHECK((two.inferred() == inferred));
  }
}

TEST_CASE("A ring that waits is disabled at once, and its commands stay, and run when it is enabled again") {
  TwoRings two;
  two.train();
  two.run(5);
  two.submit(1, two.inference);
  two.run(1);
  two.bench.write(Reg::NPU_RING1_CTRL, 0);
  CHECK(two.bench.read(Reg::NPU_RING1_STATUS) == 0);
  two.run();
  CHECK(two.order.rings == "000");
  two.bench.write(Reg::NPU_RING1_CTRL, 1);
  two.run();
  CHECK(two.order.rings == "0001");
}

TEST_CASE("A watchdog counts the cycles of its own ring's command, not those that it waited") {
  TwoRings two;
  two.prefer(1, 0);
  // Nops of ring 1 take some hundred cycles, those of ring 0 more than that.
  two.bench.write(Reg::NPU_RING1_WATCHDOG, 300);
  two.train();
  two.run(5);
  two.submit(1, nop());
  two.run();
  CHECK(two.bench.perf(Reg::NPU_PERF_RING1_WAIT_LO) > 1000);
  CHECK(two.bench.read(Reg::NPU_RING1_ERROR_CODE) == 0);
  two.submit(1, two.inference);
  two.train();
  two.run();
  CHECK(two.bench.read(Reg::NPU_RING1_ERROR_CODE) == static_cast<uint32_t>(ErrorCode::kWATCHDOG));
  CHECK(two.bench.read(Reg::NPU_RING_HEAD) == 6);
}

TEST_CASE("Bytes of a command keep its phase, whichever ring it came through") {
  TwoRings two;
  two.train();
  two.submit(1, two.inference);
  two.run();
  uint64_t inference = 0, all = 0;
  for (const auto& [owner, bytes] : two.bench.bus.bytes) {
    all += bytes;
    if (std::get<1>(owner) == Phase::kINFERENCE) inference += bytes;
  }
  CHECK(inference > 2 * 8 * 8 * 9);
  CHECK(all == two.bench.perf(Reg::NPU_PERF_READ_LO) + two.bench.perf(Reg::NPU_PERF_WRITE_LO));
}

TEST_CASE("An NPU with both rings at work, saved between any two events and restored, ends as one never saved") {
  for (const EngineRow& row : engine_table()) {
    const auto scene = [&] {
      auto two = std::make_unique<TwoRings>(row);
      two->prefer(0, 1);
      two->train();
      two->run(5);
      for (int i = 0; i < 2; ++i) two->submit(1, two->inference);
      return two;
    };
    const auto never = scene();
    const uint32_t events = never->run();
    const std::vector<uint8_t> wanted = never->snapshot();
    CHECK(never->order.rings == "01100");
    for (uint32_t cut = 0; cut < events; cut += 1 + events / 40) {
      CAPTURE(row.name, cut, events);
      const auto saved = scene();
      saved->run(cut);
      const std::vector<uint8_t> file = saved->snapshot();
      const auto restored = scene();
      restored->run(events / 3);
      StateArchive archive(file, "test");
      restored->bench.state(archive);
      CHECK(archive.at_end());
      CHECK((restored->snapshot() == file));
      restored->run();
      saved->run();
      CHECK((saved->snapshot() == wanted));
      CHECK((restored->snapshot() == wanted));
    }
  }
}
