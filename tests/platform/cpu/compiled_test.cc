// Compiled code: its memory, its limits, and what makes the core leave it.
#include <catch2/catch.hpp>
#include <fstream>
#include <functional>
#include <string>

#include "platform/cpu/code_memory.h"
#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::FlatBus;
using test::Machine;

namespace {

CoreConfig compiled_at_once() {
  CoreConfig config;
  config.jit_after = 0;
  return config;
}

/// Whether a mapping of this process has all of `permissions` ("rwx").
bool mapped(const std::string& permissions) {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    const std::string has = line.substr(line.find(' ') + 1, 4);
    bool all = true;
    for (const char letter : permissions) all = all && has.find(letter) != std::string::npos;
    if (all) return true;
  }
  return false;
}

/// Mappings without a file that may be executed: compiled code.
unsigned anonymous_code() {
  std::ifstream maps("/proc/self/maps");
  unsigned count = 0;
  for (std::string line; std::getline(maps, line);) {
    count += line.find(" r-xp 00000000 00:00 0 ") != std::string::npos && line.find('[') == std::string::npos;
  }
  return count;
}

/// Counts x10 up to `rounds`, with a sum in memory.
Program counting(uint32_t rounds) {
  Program p;
  p.li(8, Machine::kData).li(11, rounds);
  p << addi(10, 10, 1) << lw(12, 8, 0) << add(12, 12, 10) << sw(12, 0, 8) << bne(10, 11, -16) << jal(0, 0);
  return p;
}

}  // namespace

TEST_CASE("hot blocks become code, in memory that is never writable and executable at one time") {
  if (anonymous_code() != 0) WARN("this process has executable memory of somebody else");
  const unsigned before = anonymous_code();
  Machine interpreted([] {
    CoreConfig config;
    config.jit = JitUse::off;
    return config;
  }());
  interpreted.execute(counting(1000), 5000);
  CHECK(anonymous_code() == before);
  Machine m(compiled_at_once());
  m.execute(counting(1000), 5000);
#ifdef __x86_64__
  CHECK(anonymous_code() > before);
#endif
  CHECK_FALSE(mapped("wx"));
  CHECK(m.bus.word(Machine::kData) == interpreted.bus.word(Machine::kData));
  CHECK(m.bus.word(Machine::kData) == 998 * 999 / 2 + 999);
}

TEST_CASE("code memory hands out consecutive places and takes back what lies behind one") {
  CodeMemory memory(1 << 16);
  REQUIRE(memory.bytes() != nullptr);
  const std::vector<uint8_t> code(100, 0xc3);  // ret
  const uint8_t* const first = memory.next();
  REQUIRE(memory.append(code));
  CHECK(memory.next() == first + 112);  // aligned to 16
  CHECK(memory.room_bytes() == (1 << 16) - 112);
  REQUIRE(memory.append(code));
  memory.shrink(112);
  CHECK(memory.next() == first + 112);
  CHECK(std::equal(code.begin(), code.end(), memory.bytes()));
}

TEST_CASE("a program with more code than fits is compiled piece by piece, and ends as the interpreted one") {
  // 2 MiB of loads and stores, all of it run twice.
  const auto run = [](const CoreConfig& config) {
    FlatBus bus(Machine::kBase, 4 << 20);
    EventQueue queue;
    const auto core = make_core(config, bus, queue);
    for (uint32_t a = 0; a < 2 << 20; a += 8) {
      bus.set_word(Machine::kBase + a, lw(10, 8, static_cast<int32_t>(a / 8 % 64 * 4)));
      bus.set_word(Machine::kBase + a + 4,
                   a / 4 % 64 == 0 ? jal(0, 4) : sw(10, static_cast<int32_t>(a / 8 % 60 * 4), 8));
    }
    core->start(Machine::kBase);
    core->set_x(8, Machine::kBase + (3 << 20));
    bus.set_word(Machine::kBase + (2 << 20), lui(5, 0x80000));
    bus.set_word(Machine::kBase + (2 << 20) + 4, jalr(0, 5, 0));
    for (uint32_t i = 0; i < 64; ++i) bus.set_word(Machine::kBase + (3 << 20) + 4 * i, i * 0x01010101);
    core->set_instruction_limit(1'050'000);
    test::run_board(queue, *core);
    std::vector<uint64_t> values{core->pc(), core->time_ps(), core->x(10)};
    for (const DirectTraffic& t : core->direct_traffic()) {
      values.insert(values.end(), {t.data_read_bytes, t.data_write_bytes, t.code_read_bytes});
    }
    for (uint32_t i = 0; i < 64; ++i) values.push_back(bus.word(Machine::kBase + (3 << 20) + 4 * i));
    return values;
  };
  CoreConfig interpreted;
  interpreted.jit = JitUse::off;
  CHECK(run(compiled_at_once()) == run(interpreted));
}

TEST_CASE("a breakpoint, a watchpoint and a step in the middle of compiled code stop where they should") {
  Machine m(compiled_at_once());
  m.execute(counting(1'000'000), 1000);
  m.core->set_instruction_limit(UINT64_MAX);
  const uint32_t load = Machine::kBase + 20;
  m.core->set_breakpoints({load});
  m.core->resume();
  test::run_board(m.queue, *m.core);
  CHECK(m.core->stop_reason() == StopReason::breakpoint);
  CHECK(m.core->pc() == load);
  const uint32_t x10 = m.x(10);
  m.core->resume();
  test::run_board(m.queue, *m.core);
  CHECK(m.core->pc() == load);
  CHECK(m.x(10) == x10 + 1);
  m.core->set_breakpoints({});
  m.core->set_watchpoints({{Machine::kData, Machine::kData + 3, WatchKind::write}});
  m.core->resume();
  test::run_board(m.queue, *m.core);
  CHECK(m.core->stop_reason() == StopReason::watchpoint);
  CHECK(m.core->pc() == load + 12);  // behind the store
  m.core->set_watchpoints({});
  m.core->set_stepping(true);
  m.core->resume();
  test::run_board(m.queue, *m.core);
  CHECK(m.core->stop_reason() == StopReason::stepped);
  m.core->set_stepping(false);
  m.run(500);
  CHECK(m.core->stop_reason() == StopReason::instruction_limit);
}

TEST_CASE("a loader's write changes code that was compiled") {
  Machine m(compiled_at_once());
  m.execute(counting(1'000'000), 1000);
  const uint32_t before = m.x(10);
  const Program two = Program() << addi(10, 10, 2);
  m.load(two, Machine::kBase + 16);
  m.run(500);  // a hundred rounds
  CHECK(m.x(10) == before + 200);
}

TEST_CASE("regions that the bus takes back are asked for again by compiled code") {
  Machine m(compiled_at_once());
  m.execute(counting(1'000'000), 1000);
  const uint64_t transactions = m.bus.transactions;
  m.bus.offer_direct = false;
  m.core->forget_direct();
  m.run(100);
  CHECK(m.bus.transactions > transactions + 100);
  m.bus.offer_direct = true;
  m.core->forget_direct();
  m.run(100);
  const uint64_t again = m.bus.transactions;
  m.run(500);
  CHECK(m.bus.transactions == again);
}
