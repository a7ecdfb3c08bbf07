// Saving between any two events, in the middle of a command too.
#include <catch2/catch.hpp>

#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

/// A bench with a coded convolution whose tiles keep loads, compute and stores in flight, and a fused update.
struct Scene {
  NpuBench bench;
  BenchTensor x, w, dy, y, master, copy;
  std::vector<Command> commands;

  explicit Scene(const EngineRow& row) : bench(config_of(row, 32 * 1024), 256 * 1024) {
    bench.start();
    const bool coded = has_format(row.offer().multiply, TensorFormat::kFGMP);
    TensorOptions f = format(main_format_of(row.offer()));
    if (coded) f.block_channels = 1, f.block_rows = 2;
    f.statistics = true;
    x = bench.tensor({2, 8, 16, 16}, f);
    w = bench.tensor({8, 8, 3, 3}, format(f.format));
    dy = bench.tensor({2, 8, 16, 16}, f);
    y = bench.tensor({2, 8, 16, 16}, f);
    master = bench.tensor({8, 8, 3, 3});
    TensorOptions blocks = format(f.format);
    if (coded) blocks.block_channels = 1, blocks.block_rows = 3;
    copy = bench.tensor({8, 8, 3, 3}, blocks);
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    bench.fill(dy, noise(dy.elements(), 3));
    bench.fill(master, noise(master.elements(), 4));
    Command ff = command_of(Opcode::kCONV_FF, kFlagRELU);
    set_window(ff, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    ff.tile_c = 4;
    ff.tile_rows = 4;
    ff.tensor0 = x.descriptor_address, ff.tensor1 = w.descriptor_address, ff.tensor2 = y.descriptor_address;
    npu_hyper hyper{};
    hyper.learning_rate = 0.1f, hyper.gradient_scale = 1;
    Command wg = ff;
    wg.opcode = static_cast<uint8_t>(Opcode::kCONV_WG), wg.flags = kFlagUPDATE | kFlagCOPY;
    wg.tensor1 = dy.descriptor_address, wg.tensor2 = 0, wg.tensor3 = master.descriptor_address;
    wg.tensor5 = copy.descriptor_address, wg.parameters = bench.place(hyper);
    commands = {ff, wg};
    for (const Command& command : commands) bench.submit(command);
  }
};

/// Runs to the end; gives the number of events.
uint32_t finish(NpuBench& bench) {
  uint32_t events = 0;
  for (; bench.queue.next_time_ps() != EventQueue::kNever; ++events) bench.queue.run_one();
  return events;
}

std::vector<uint8_t> snapshot(NpuBench& bench) {
  StateArchive archive;
  bench.state(archive);
  return archive.bytes();
}

}  // namespace

TEST_CASE("An NPU saved between any two events and restored ends as one that was never saved") {
  for (const EngineRow& row : engine_table()) {
    Scene never(row);
    const uint32_t events = finish(never.bench);
    const std::vector<uint8_t> wanted = snapshot(never.bench);
    REQUIRE(never.bench.read(npu_regs::Reg::NPU_ERROR_CODE) == 0);
    REQUIRE(events > 40);
    for (uint32_t cut = 0; cut < events; cut += 1 + events / 60) {
      CAPTURE(row.name, cut, events);
      Scene saved(row);
      for (uint32_t i = 0; i < cut; ++i) saved.bench.queue.run_one();
      const std::vector<uint8_t> file = snapshot(saved.bench);
      // Restored over a board that is in the middle of something else.
      Scene restored(row);
      for (uint32_t i = 0; i < events / 3; ++i) restored.bench.queue.run_one();
      StateArchive archive(file, "test");
      restored.bench.state(archive);
      CHECK(archive.at_end());
      CHECK((snapshot(restored.bench) == file));
      finish(restored.bench);
      finish(saved.bench);
      CHECK((snapshot(saved.bench) == wanted));
      CHECK((snapshot(restored.bench) == wanted));
    }
  }
}

TEST_CASE("A damaged saved state ends in an input error or restores to something, never in a crash") {
  const EngineRow& row = engine_table()[0];
  Scene scene(row);
  for (uint32_t i = 0; i < 30; ++i) scene.bench.queue.run_one();
  StateArchive whole;
  scene.bench.device.state(whole);
  for (size_t length = 0; length < whole.bytes().size(); length += 1 + whole.bytes().size() / 200) {
    Scene other(row);
    StateArchive archive({whole.bytes().begin(), whole.bytes().begin() + static_cast<ptrdiff_t>(length)}, "cut");
    CHECK_THROWS_AS(other.bench.device.state(archive), InputError);
  }
}

TEST_CASE("One, two and three host threads leave the same memory, counters and simulated time") {
  for (const EngineRow& row : engine_table()) {
    std::vector<uint8_t> wanted;
    for (const uint32_t threads : {1u, 2u, 3u}) {
      NpuConfig config = config_of(row, 256 * 1024);
      config.host_threads = threads;
      NpuBench bench(config, 1 << 20);
      bench.start();
      const TensorFormat f = main_format_of(row.offer());
      const Window window{.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1};
      const BenchTensor x = bench.tensor({4, 10, 12, 12}, format(f)), w = bench.tensor({11, 10, 3, 3}, format(f));
      const BenchTensor y = bench.tensor({4, 11, 12, 12}, format(f)), dx = bench.tensor({4, 10, 12, 12}, format(f));
      const BenchTensor dw = bench.tensor({11, 10, 3, 3});
      bench.fill(x, noise(x.elements(), 1));
      bench.fill(w, noise(w.elements(), 2));
      Command command = command_of(Opcode::kCONV_FF);
      set_window(command, window, false);
      command.tensor0 = x.descriptor_address, command.tensor1 = w.descriptor_address;
      command.tensor2 = y.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      command.opcode = static_cast<uint8_t>(Opcode::kCONV_BP);
      command.tensor0 = y.descriptor_address, command.tensor2 = dx.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      command.opcode = static_cast<uint8_t>(Opcode::kCONV_WG);
      command.tensor0 = x.descriptor_address, command.tensor1 = y.descriptor_address;
      command.tensor2 = dw.descriptor_address;
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      const std::vector<uint8_t> found = snapshot(bench);
      if (wanted.empty()) wanted = found;
      CHECK((found == wanted));
    }
  }
}
