// A core with flat memory that runs a program from the start of RAM.
#pragma once

#include <memory>

#include "tests/support/flat_board.h"
#include "tests/support/rv_asm.h"

namespace backboard::test {

struct TrapLog final : CoreObserver {
  std::vector<Trap> traps;
  std::vector<std::pair<CacheOperation, uint64_t>> cache_operations;
  std::vector<StaleLine> stale_lines;
  void on_trap(const Trap& trap) override { traps.push_back(trap); }
  void on_cache_operation(CacheOperation operation, uint64_t address, uint64_t) override {
    cache_operations.emplace_back(operation, address);
  }
  void on_stale_line(const StaleLine& line) override { stale_lines.push_back(line); }
};

struct TimeOfPicoseconds final : TimeSource {
  uint64_t mtime_at(uint64_t time_ps) const override { return time_ps; }
};

/// RAM at kBase; mtvec points to kHandler, where an endless loop of one jump waits.
struct Machine {
  static constexpr uint32_t kBase = 0x80000000;
  static constexpr uint32_t kHandler = kBase + 0x8000;
  static constexpr uint32_t kData = kBase + 0x10000;

  FlatBus bus;
  EventQueue queue;
  TrapLog log;
  TimeOfPicoseconds time;
  std::unique_ptr<Core> core;

  explicit Machine(const CoreConfig& config = {}) {
    core = make_core(config, bus, queue);
    core->set_observer(&log);
    core->set_time_source(&time);
    bus.set_word(kHandler, rv::jal(0, 0));
  }
  void load(const rv::Program& program, uint32_t address = kBase) {
    std::copy(program.bytes().begin(), program.bytes().end(), bus.at(address));
    core->invalidate(address, address + program.here());
  }
  void start(uint32_t pc = kBase) {
    core->start(pc);
    core->set_csr(0x305, kHandler);
    core->set_csr(0x300, 0x2000);  // FS = Initial
  }
  /// Runs `count` more instructions (or until nothing is left to do).
  void run(uint64_t count) {
    core->set_instruction_limit(core->statistics().instructions + count);
    core->resume();
    run_board(queue, *core);
  }
  /// Loads and starts `program`, then runs `count` instructions; registers may be set by `prepare` in between.
  template <class Prepare>
  void execute(const rv::Program& program, uint64_t count, Prepare prepare) {
    load(program);
    start();
    prepare();
    run(count);
  }
  void execute(const rv::Program& program, uint64_t count) {
    execute(program, count, [] {});
  }
  uint32_t x(unsigned index) const { return static_cast<uint32_t>(core->x(index)); }
  uint32_t f(unsigned index) const { return static_cast<uint32_t>(core->f(index)); }
  uint32_t csr(unsigned number) const { return static_cast<uint32_t>(core->csr(number).value()); }
  uint64_t cycles() const { return core->time_ps() / 5000; }
};

}  // namespace backboard::test
