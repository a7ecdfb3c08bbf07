// Semihosting and tohost: the two ways in which a bare program speaks and ends.
#include <catch2/catch.hpp>
#include <string>

#include "platform/cpu/semihosting.h"
#include "platform/cpu/tohost.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;
using test::run_board;

namespace {

constexpr uint32_t kEntry = 0x01f01013, kExit = 0x40705013;  // slli x0, x0, 31 and srai x0, x0, 7

struct Console {
  std::string output, error, reports;
  Semihosting handler{[this](SemihostingStream stream, std::string_view text) {
                        (stream == SemihostingStream::error ? error : output) += text;
                      },
                      [this](const std::string& line) { reports += line + "\n"; }};
};

/// Calls `operation` with x11 = `parameter` on a machine whose kData holds `words`; returns a0.
uint32_t call(Console& console, uint32_t operation, uint32_t parameter, const std::vector<uint32_t>& words,
              const std::string& text = "") {
  Machine m;
  m.core->set_semihosting(&console.handler);
  for (size_t i = 0; i < words.size(); ++i) m.bus.set_word(Machine::kData + 4 * static_cast<uint32_t>(i), words[i]);
  std::copy(text.begin(), text.end(), m.bus.at(Machine::kData + 0x100));
  Program program;
  program << kEntry << ebreak() << kExit << jal(0, 0);
  m.load(program);
  m.start();
  m.core->set_x(10, operation);
  m.core->set_x(11, parameter);
  m.core->set_instruction_limit(4);
  run_board(m.queue, *m.core);
  CHECK(m.log.traps.empty());
  return m.x(10);
}

constexpr uint32_t kText = Machine::kData + 0x100;

}  // namespace

TEST_CASE("SYS_WRITEC, SYS_WRITE0 and SYS_WRITE speak") {
  Console console;
  call(console, 0x03, kText, {}, "A");
  call(console, 0x04, kText, {}, "BC");
  CHECK(call(console, 0x05, Machine::kData, {1, kText, 3}, "DEF") == 0);
  CHECK(call(console, 0x05, Machine::kData, {2, kText, 2}, "GH") == 0);
  CHECK(console.output == "ABCDEF");
  CHECK(console.error == "GH");
  CHECK(call(console, 0x05, Machine::kData, {7, kText, 3}, "XYZ") == 3);  // a bad handle: nothing was written
  CHECK(call(console, 0x13, 0, {}) == 9);
}

TEST_CASE("SYS_OPEN knows the console alone while no folder was named") {
  Console console;
  CHECK(call(console, 0x01, Machine::kData, {kText, 0, 3}, ":tt") == 0);
  CHECK(call(console, 0x01, Machine::kData, {kText, 4, 3}, ":tt") == 1);
  CHECK(call(console, 0x01, Machine::kData, {kText, 8, 3}, ":tt") == 2);
  CHECK(call(console, 0x01, Machine::kData, {kText, 4, 5}, "a.txt") == 0xffffffff);
  CHECK(console.reports.find("--semihosting-dir") != std::string::npos);
  CHECK(call(console, 0x09, Machine::kData, {1}) == 1);
  CHECK(call(console, 0x09, Machine::kData, {9}) == 0xffffffff);
}

TEST_CASE("SYS_EXIT and SYS_EXIT_EXTENDED end the program with its code") {
  Console console;
  call(console, 0x18, 0x20026, {});
  CHECK(console.handler.exit_code() == 0);
  call(console, 0x18, 0x20023, {});
  CHECK(console.handler.exit_code() == 1);
  call(console, 0x20, Machine::kData, {0x20026, 42});
  CHECK(console.handler.exit_code() == 42);
}

TEST_CASE("Operations that are not modelled return -1 and are reported once") {
  Console console;
  CHECK(call(console, 0x0d, Machine::kData, {}) == 0xffffffff);
  CHECK(call(console, 0x0d, Machine::kData, {}) == 0xffffffff);
  CHECK(console.reports == "operation 0xd is not modelled; it returns -1\n");
}

TEST_CASE("Wild pointers are errors of the guest, not of the simulator") {
  Console console;
  CHECK(call(console, 0x05, 0x10, {}) == 0xffffffff);
  CHECK(call(console, 0x04, 0x10, {}) == 0xffffffff);
  CHECK(call(console, 0x03, 0x10, {}) == 0xffffffff);
  CHECK(call(console, 0x01, Machine::kData, {kText, 4, 0xffffffff}) == 0xffffffff);
  CHECK(call(console, 0x05, Machine::kData, {1, kText, 0xffffffff}) > 0xffe00000);  // stops where memory ends
}

TEST_CASE("Only the uncompressed sequence is semihosting, and a lone EBREAK traps") {
  Console console;
  Machine m;
  m.core->set_semihosting(&console.handler);
  Program program;
  program << kEntry << ebreak() << addi(0, 0, 0);
  m.execute(program, 2);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 3);
}

TEST_CASE("A write to tohost ends the program: 1 passes, others carry a code, even ones are not modelled") {
  struct Case {
    uint32_t value;
    int code;
    bool unsupported;
  };
  for (const Case c : {Case{1, 0, false}, Case{(5 << 1) | 1, 5, false}, Case{0x1000, 2, true}}) {
    Machine m;
    TohostWatch watch(*m.core, Machine::kData);
    watch.arm();
    m.bus.on_access = [&](const BusAccess& access) {
      if (access.op == BusOp::write && !access.debug) watch.on_write(access.address, access.data, access.size);
    };
    Program program;
    program << sw(0, 0, 8) << sw(11, 0, 8) << jal(0, 0);
    m.load(program);
    m.start();
    m.core->set_x(8, Machine::kData);
    m.core->set_x(11, c.value);
    run_board(m.queue, *m.core);
    CHECK(m.core->stop_reason() == StopReason::requested);
    CHECK(m.core->statistics().instructions == 2);  // the zero does not count
    CHECK(watch.exit_code() == c.code);
    CHECK(watch.unsupported() == c.unsupported);
  }
}
