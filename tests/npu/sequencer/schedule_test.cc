// Schedules as data: they keep their rules, say what they will move, and the DMA then moves it.
#include <catch2/catch.hpp>

#include "npu/command/validate.h"
#include "npu/dma/clock.h"
#include "npu/engine/tile_schedule.h"
#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

AccessWindows everything() {
  AccessWindows windows;
  windows.window[0] = {0, 0xffffffff, true, true};
  return windows;
}

/// A command as the ring would hand it on.
Job job_of(NpuBench& bench, const Command& command, const Offer& offer) {
  Job job;
  job.command = command;
  job.groups = std::max<uint32_t>(command.groups, 1);
  REQUIRE_FALSE(check_command(job, offer, everything()));
  std::array<Descriptor, kOperands> descriptors;
  const uint32_t addresses[] = {command.tensor0, command.tensor1, command.tensor2,
                                command.tensor3, command.tensor4, command.tensor5};
  for (unsigned i = 0; i < kOperands; ++i) {
    if (addresses[i] != 0) descriptors[i] = parse_descriptor(bench.bus.at(addresses[i]));
  }
  REQUIRE_FALSE(check_tensors(job, descriptors, offer, everything()));
  return job;
}

struct Layers {
  NpuBench bench;
  std::vector<Command> commands;

  explicit Layers(const EngineRow& row, TensorFormat f) : bench(config_of(row, 48 * 1024)) {
    bench.start();
    const Window window{.kh = 3, .kw = 3, .stride_h = 2, .stride_w = 1, .pad_h = 1, .pad_w = 1};
    const BenchTensor x = bench.tensor({3, 8, 15, 14}, format(f)), w = bench.tensor({12, 8, 3, 3}, format(f));
    const BenchTensor y = bench.tensor({3, 12, 8, 14}, format(f)), dw = bench.tensor({12, 8, 3, 3});
    const BenchTensor dx = bench.tensor({3, 8, 15, 14}, format(f)), pooled = bench.tensor({3, 8, 7, 7}, format(f));
    const BenchTensor index = bench.tensor({3, 8, 7, 7}, format(TensorFormat::kU8));
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    bench.fill(y, noise(y.elements(), 3));
    Command ff = command_of(Opcode::kCONV_FF);
    set_window(ff, window, false);
    ff.tensor0 = x.descriptor_address, ff.tensor1 = w.descriptor_address, ff.tensor2 = y.descriptor_address;
    Command bp = ff;
    bp.opcode = static_cast<uint8_t>(Opcode::kCONV_BP), bp.flags = kFlagMASK;
    bp.tensor0 = y.descriptor_address, bp.tensor2 = dx.descriptor_address, bp.tensor3 = x.descriptor_address;
    Command wg = ff;
    wg.opcode = static_cast<uint8_t>(Opcode::kCONV_WG);
    wg.tensor1 = y.descriptor_address, wg.tensor2 = dw.descriptor_address;
    Command pool = command_of(Opcode::kMAXPOOL_FF, kFlagINDEX);
    set_window(pool, {.kh = 2, .kw = 2, .stride_h = 2, .stride_w = 2}, true);
    pool.tensor0 = x.descriptor_address, pool.tensor2 = pooled.descriptor_address;
    pool.tensor3 = index.descriptor_address;
    for (const Command& base : {ff, bp, wg, pool}) {
      for (const uint16_t tile : {0, 1, 3, 4}) {
        Command command = base;
        command.tile_k = tile;
        command.tile_rows = tile;
        if (base.opcode != pool.opcode) command.tile_c = tile;
        commands.push_back(command);
      }
    }
  }
};

}  // namespace

TEST_CASE("Schedules of all commands and tilings keep their rules and are equal when made twice") {
  for (const EngineRow& row : engine_table()) {
    const TensorFormat f = dense_format_of(row.offer());
    Layers layers(row, f);
    for (const Command& command : layers.commands) {
      for (const uint32_t buffer : {12u * 1024, 48u * 1024, 1024u * 1024}) {
        const Job job = job_of(layers.bench, command, row.offer());
        const Planned planned = plan_tiles(job, buffer, row.offer());
        if (planned.error == ErrorCode::kBUFFER && buffer == 12 * 1024) continue;
        REQUIRE(planned.error == ErrorCode::kNONE);
        CAPTURE(name_of(job.opcode()), command.tile_k, buffer);
        CHECK(broken_rule(planned.schedule, job, buffer) == "");
        CHECK(planned.schedule == plan_tiles(job, buffer, row.offer()).schedule);
        CHECK(planned.schedule.buffer_bytes <= buffer);
        CHECK(to_string(planned.schedule, job).find("compute") != std::string::npos);
      }
    }
  }
}

TEST_CASE("The rules find a missing dependency, a slot too far and an element that is not stored") {
  const EngineRow& row = *find_engine("lnpu");
  Layers layers(row, TensorFormat::kFP16);
  const Job job = job_of(layers.bench, layers.commands[1], row.offer());
  const Schedule good = plan_tiles(job, 48 * 1024).schedule;
  Schedule bad = good;
  for (Step& step : bad.steps) {
    if (step.kind == StepKind::compute) step.needs[0] = 0;
  }
  CHECK(broken_rule(bad, job, 48 * 1024).find("overtake") != std::string::npos);
  bad = good;
  bad.steps.pop_back();
  CHECK(broken_rule(bad, job, 48 * 1024).find("stored") != std::string::npos);
  CHECK(broken_rule(good, job, good.buffer_bytes - 1).find("slots take") != std::string::npos);
}

TEST_CASE("Expected traffic of dense formats is what the DMA moves, byte for byte and by tensor") {
  for (const EngineRow& row : engine_table()) {
    const TensorFormat f = dense_format_of(row.offer());
    Layers layers(row, f);
    NpuBench& bench = layers.bench;
    for (const Command& command : layers.commands) {
      const Job job = job_of(bench, command, row.offer());
      const Schedule schedule = plan_tiles(job, 48 * 1024, row.offer()).schedule;
      const Traffic traffic = expected_traffic(schedule, job);
      const uint64_t read = bench.bus.total(false), written = bench.bus.total(true);
      const uint64_t control = bench.bus.bytes[{false, Phase::kCONTROL, TensorClass::kNONE}];
      REQUIRE(bench.execute(command) == ErrorCode::kNONE);
      const uint64_t fetched = bench.bus.bytes[{false, Phase::kCONTROL, TensorClass::kNONE}] - control;
      CAPTURE(name_of(job.opcode()), command.tile_k);
      CHECK(bench.bus.total(false) - read - fetched == traffic.total_read());
      CHECK(bench.bus.total(true) - written == traffic.total_written());
    }
  }
}

TEST_CASE("Compressed traffic stays below its bound") {
  const EngineRow& row = *find_engine("lnpu");
  Layers layers(row, TensorFormat::kFGMP);
  const Command& command = layers.commands[0];
  const Job job = job_of(layers.bench, command, row.offer());
  const Traffic traffic = expected_traffic(plan_tiles(job, 48 * 1024).schedule, job);
  REQUIRE(layers.bench.execute(command) == ErrorCode::kNONE);
  const uint64_t fetched = layers.bench.bus.bytes[{false, Phase::kCONTROL, TensorClass::kNONE}];
  CHECK(layers.bench.bus.total(false) - fetched < traffic.total_read());
  CHECK(layers.bench.bus.total(true) < traffic.total_written());
}

TEST_CASE("Loads run ahead of the engine: a tiled layer takes less time than its parts one after the other") {
  const EngineRow& row = *find_engine("lnpu");
  NpuConfig one = config_of(row), many = config_of(row);
  one.dma.outstanding = 1;
  uint64_t cycles[2], stalls[2];
  for (const NpuConfig* config : {&one, &many}) {
    NpuBench bench(*config);
    bench.start();
    const BenchTensor x = bench.tensor({4, 16, 16, 16}, format(TensorFormat::kFP16));
    const BenchTensor w = bench.tensor({16, 16, 3, 3}, format(TensorFormat::kFP16));
    const BenchTensor y = bench.tensor({4, 16, 16, 16}, format(TensorFormat::kFP16));
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    Command command = command_of(Opcode::kCONV_FF);
    set_window(command, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    command.tensor0 = x.descriptor_address, command.tensor1 = w.descriptor_address;
    command.tensor2 = y.descriptor_address, command.tile_n = 1;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    const unsigned i = config == &many;
    cycles[i] = bench.perf(npu_regs::Reg::NPU_PERF_BUSY_LO);
    stalls[i] = bench.perf(npu_regs::Reg::NPU_PERF_LOAD_STALL_LO);
  }
  CHECK(cycles[1] < cycles[0]);
  CHECK(stalls[1] < stalls[0]);
}

TEST_CASE("The clock converts whole cycles and picoseconds over a year without loss") {
  const Clock clock{200'000'000};
  CHECK(clock.to_ps(1) == 5000);
  CHECK(clock.to_cycles(4999) == 0);
  for (const uint64_t cycles : {uint64_t{1}, uint64_t{199'999'999}, uint64_t{3'000'000'000'000'000}}) {
    CHECK(clock.to_cycles(clock.to_ps(cycles)) == cycles);
  }
  // Not a whole number of picoseconds: rounded down both ways.
  const Clock odd{666'666'667};
  CHECK(odd.to_ps(1) == 1499);
  CHECK(odd.to_ps(2'000'000'001) == 3'000'000'000'000);
  CHECK(odd.to_cycles(2'999'999'999'999) == 2'000'000'000);
}
