// The board as a whole, one elaboration a process.
#include "platform/soc/board.h"

#include <csignal>

#include <sys/time.h>
#include <catch2/catch.hpp>

#include "platform/run/board_session.h"
#include "tests/support/board_programs.h"

namespace backboard {
namespace {

using test::BoardBench;
using test::BoardProgram;
using test::kProgramBase;

constexpr uint32_t kLog = kProgramBase + 0x10000;

/// Runs instructions that fault; the handler writes mcause, mepc and mtval behind x8 and goes on at x9.
struct FaultProgram {
  FaultProgram() {
    program.li(5, kProgramBase + 0x1000);
    program << rv::csrrw(0, 0x305, 5);
    program.li(8, kLog);
  }
  /// Appends `fault`, which finds its target in x7, and returns its address.
  uint32_t add(uint32_t target, uint32_t fault) {
    program.li(7, target);
    program.li(9, program.address() + 12);
    const uint32_t at = program.address();
    program << fault;
    return at;
  }
  BoardProgram finish() {
    program.finish();
    while (program.here() < 0x1000) program << rv::addi(0, 0, 0);
    program << rv::csrrs(5, 0x342, 0) << rv::sw(5, 0, 8) << rv::csrrs(5, 0x341, 0) << rv::sw(5, 4, 8)
            << rv::csrrs(5, 0x343, 0) << rv::sw(5, 8, 8) << rv::addi(8, 8, 12) << rv::csrrw(0, 0x341, 9) << rv::mret();
    return program;
  }
  BoardProgram program;
};

TEST_CASE("every bus error is a precise trap with the cause of its access") {
  struct Case {
    uint32_t target, fault, cause;
  };
  const Case cases[] = {
      {0x70000000, rv::lw(6, 7, 0), 5},    // nothing there
      {0x70000004, rv::sw(6, 0, 7), 7},    //
      {0x70000008, rv::jalr(0, 7, 0), 1},  //
      {0x00001100, rv::sw(6, 0, 7), 7},    // the boot ROM
      {0x10000000, rv::lw(6, 7, 0), 5},    // the UART answers bytes only
      {0x10000005, rv::sb(6, 0, 7), 7},    // LSR is read-only
      {0x02000000, rv::lbu(6, 7, 0), 5},   // the CLINT answers words
      {0x20000000, rv::sw(6, 0, 7), 7},    // mapped flash
      {0x0C002080, rv::lw(6, 7, 0), 5},    // no supervisor context
      {0x10030010, rv::lw(6, 7, 0), 5},    // KICK is write-only
      {0x8FFFFFFE, rv::lw(6, 7, 0), 5},    // across the end of DRAM
      {0x00100000, rv::jalr(0, 7, 0), 1},  // no code in the finisher
  };
  FaultProgram made;
  std::vector<uint32_t> places;
  for (const Case& c : cases) places.push_back(made.add(c.target, c.fault));
  BoardBench bench(made.finish());
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  REQUIRE(result.stop == BoardStop::finisher);
  for (size_t i = 0; i < std::size(cases); ++i) {
    INFO("case " << i);
    const uint32_t entry = kLog + 12 * static_cast<uint32_t>(i);
    CHECK(bench.word(entry) == cases[i].cause);
    CHECK(bench.word(entry + 4) == (cases[i].cause == 1 ? cases[i].target : places[i]));
    CHECK(bench.word(entry + 8) == cases[i].target);
  }
  CHECK(bench.board.core().statistics().exceptions == std::size(cases));
  REQUIRE(bench.board.findings().entries().size() == std::size(cases));
  for (size_t i = 0; i < std::size(cases); ++i) {
    INFO("case " << i);
    const Finding& finding = bench.board.findings().entries()[i].first;
    CHECK(finding.pc == (cases[i].cause == 1 ? cases[i].target : places[i]));
    CHECK(finding.address == cases[i].target);
  }
  CHECK(bench.board.conservation_error().value_or("") == "");
}

TEST_CASE("an access window of the core makes a trap and a finding of what lies outside") {
  FaultProgram made;
  made.add(0x08000000, rv::lw(6, 7, 0));    // SRAM, outside
  made.add(kProgramBase, rv::lw(6, 7, 0));  // DRAM, inside: no trap
  BoardConfig config;
  config.bus.windows = {{BusMaster::core, 0, 0x001FFFFF, true, true},
                        {BusMaster::core, 0x80000000, 0x8FFFFFFF, true, true}};
  BoardBench bench(made.finish(), config);
  CHECK(bench.board.run().exit_code == 0);
  CHECK(bench.board.core().statistics().exceptions == 1);
  CHECK(bench.word(kLog) == 5);
  REQUIRE(bench.board.findings().entries().size() == 1);
  CHECK(bench.board.findings().entries()[0].first.reason.find("access windows of core") != std::string::npos);
}

TEST_CASE("the finisher's code is the exit code") {
  BoardProgram program;
  program.finish(0x3333 | 42u << 16);
  BoardBench bench(program);
  const BoardResult result = bench.board.run();
  CHECK(result.stop == BoardStop::finisher);
  CHECK(result.exit_code == 42);
  CHECK(result.reason == "the firmware ended with code 42");
}

TEST_CASE("the timer wakes the core at its tick") {
  BoardProgram program;
  program.timer_at(500);
  program << rv::wfi();
  program.li(5, test::kClint + 0xBFF8);
  program << rv::lw(10, 5, 0);
  program.finish();
  BoardBench bench(program);
  const BoardResult result = bench.board.run();
  CHECK(result.exit_code == 0);
  CHECK(bench.board.core().x(10) == 500);
  // 500 ticks of 100 ns; then the finisher's write within a microsecond.
  CHECK(result.time_ps >= 50'000'000);
  CHECK(result.time_ps < 51'000'000);
  CHECK(bench.board.core().statistics().idle_cycles > 9'000);
}

TEST_CASE("a core that waits for nothing is a deadlock that says so") {
  BoardProgram program;
  program << rv::wfi() << rv::jal(0, -4);
  BoardBench bench(program);
  const BoardResult result = bench.board.run();
  CHECK(result.stop == BoardStop::deadlock);
  CHECK(result.exit_code == 1);
  CHECK(result.reason.find("deadlock: the core waits for an interrupt at pc 0x8000000") == 0);
}

TEST_CASE("a core that waits for nothing beside a display is a deadlock too") {
  BoardProgram program;
  program << rv::wfi() << rv::jal(0, -4);
  BoardConfig config;
  config.timing = TimingLevel::at;
  TrafficConfig display;
  display.name = "display";
  display.kind = TrafficKind::display;
  display.base = 0x88000000;
  display.size_bytes = 4 * kMiB;
  display.frame.emplace();
  config.traffic = {display};
  BoardBench bench(program, config);
  const BoardResult result = bench.board.run();
  CHECK(result.stop == BoardStop::deadlock);
  CHECK(result.reason.find("deadlock: the core waits for an interrupt at pc 0x8000000") == 0);
  CHECK(bench.board.stats().counter("traffic.display.read_bytes") != 0);
}

TEST_CASE("a deadlock ends a session that shows progress, too") {
  BoardProgram program;
  program << rv::wfi() << rv::jal(0, -4);
  BoardBench bench(program);
  SessionOptions options;
  options.progress = true;
  CHECK(run_session(bench.board, options).board.stop == BoardStop::deadlock);
}

TEST_CASE("a trap handler that traps is a lockup") {
  BoardProgram program;
  program.li(5, 0x70000000);
  program << rv::csrrw(0, 0x305, 5) << rv::lw(6, 5, 0);
  BoardBench bench(program);
  CHECK(bench.board.run().stop == BoardStop::lockup);
}

TEST_CASE("the UART's interrupt wakes an echo that answers byte for byte") {
  BoardBench bench(BoardProgram::echo());
  uint64_t time_ps = 1'000'000;
  for (const char c : std::string("backboard q")) {
    bench.board.uart().receive_at(time_ps, static_cast<uint8_t>(c));
    time_ps += 10'000'000;
  }
  const BoardResult result = bench.board.run();
  INFO(result.reason);
  CHECK(result.stop == BoardStop::finisher);
  CHECK(bench.uart.text() == "backboard q");
  CHECK(bench.board.findings().total() == 0);
}

TEST_CASE("a forgotten watchdog ends a run that allows no reset, with a finding") {
  BoardProgram program;
  program.store(test::kWatchdog + 8, 50).store(test::kWatchdog + 4, 1);
  program << rv::jal(0, 0);
  BoardBench bench(program);
  bench.board.set_reset_limit(0);
  const BoardResult result = bench.board.run();
  CHECK(result.stop == BoardStop::watchdog);
  CHECK(result.exit_code == 1);
  // Two expiries of 50 us after the enabling write.
  CHECK(result.time_ps >= 100'000'000);
  CHECK(result.time_ps < 101'000'000);
  CHECK(bench.board.findings().total() == 1);
}

TEST_CASE("limits of instructions and time are exact, and the run goes on behind them") {
  BoardProgram program;
  program << rv::addi(10, 10, 1) << rv::jal(0, -4);
  BoardBench bench(program);
  bench.board.set_instruction_limit(1'001);
  CHECK(bench.board.run().stop == BoardStop::instruction_limit);
  CHECK(bench.board.core().statistics().instructions == 1'001);
  bench.board.set_instruction_limit(5'000);
  CHECK(bench.board.run().stop == BoardStop::instruction_limit);
  CHECK(bench.board.core().statistics().instructions == 5'000);
  bench.board.set_instruction_limit(UINT64_MAX);
  CHECK(bench.board.run_until(1'000'000'000).stop == BoardStop::time_limit);
  CHECK(bench.board.time_ps() == 1'000'000'000);
  CHECK(bench.board.run_until(1'000'000'001).stop == BoardStop::time_limit);
}

Board* interrupted_board = nullptr;

TEST_CASE("a signal ends an endless loop, and the run can go on") {
  BoardProgram program;
  program << rv::jal(0, 0);
  BoardBench bench(program);
  interrupted_board = &bench.board;
  std::signal(SIGALRM, [](int) { interrupted_board->request_stop(); });
  const itimerval soon{{0, 0}, {0, 20'000}};
  for (int i = 0; i < 2; ++i) {
    setitimer(ITIMER_REAL, &soon, nullptr);
    CHECK(bench.board.run().stop == BoardStop::interrupted);
  }
  CHECK(bench.board.run_until(bench.board.time_ps() + 1'000'000).stop == BoardStop::time_limit);
}

TEST_CASE("DRAM's counters, the bus's and the traffic table agree, direct accesses included") {
  BoardProgram program;
  program.li(7, kLog);
  for (int i = 0; i < 100; ++i) program << rv::sw(7, 4 * i, 7) << rv::lw(6, 7, 4 * i);
  program.finish();
  BoardBench bench(program);
  bench.board.run();
  CHECK(bench.board.conservation_error().value_or("") == "");
  const TrafficTable traffic = bench.board.traffic();
  CHECK(traffic.sum_of(Initiator::core_data).write_bytes == 400);
  CHECK(traffic.sum_of(Initiator::core_data).read_bytes == 400);
  CHECK(traffic.sum_of(Initiator::core_code).read_bytes >= 4 * 200);
  const StatsTree stats = bench.board.stats();
  CHECK(stats.counter("core.instructions") == bench.board.core().statistics().instructions);
  CHECK(stats.counter("bus.core.to.finisher.writes") == 1);
}

TEST_CASE("without direct memory the core moves the same bytes over the bus") {
  BoardProgram program;
  program.li(7, kLog);
  for (int i = 0; i < 100; ++i) program << rv::sw(7, 4 * i, 7) << rv::lw(6, 7, 4 * i);
  program.finish();
  BoardConfig config;
  config.core.use_direct_memory = false;
  BoardBench bench(program, config);
  CHECK(bench.board.run().exit_code == 0);
  CHECK(bench.board.conservation_error().value_or("") == "");
  CHECK(bench.board.traffic().sum_of(Initiator::core_data).write_bytes == 400);
  CHECK(bench.board.stats().counter("dram.by.core_data.reads") == 100);
}

TEST_CASE("a program that does not fit the board is bad input") {
  MemorySink uart, console;
  BoardConfig config;
  config.map[Place::kDRAM].base = 0x90000000;
  Board board(config, {uart, console});
  const std::string path = std::string(FIRMWARE_DIR) + "/hello.elf";
  CHECK_THROWS_WITH(board.load(ElfFile::load(path), path), Catch::Contains("does not lie in memory of the board"));
  CHECK_FALSE(board.write_memory(0x00001000, std::vector<uint8_t>{1}));  // ROM
  CHECK_FALSE(board.write_memory(0x10000000, std::vector<uint8_t>{1}));  // registers
}

}  // namespace
}  // namespace backboard
