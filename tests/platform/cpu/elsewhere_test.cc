// The core as hosts other than x86-64 have it: no compiler, and the interpreter does everything.
#include <catch2/catch.hpp>

#include "platform/cpu/compiled_code.h"
#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

TEST_CASE("where nothing can be compiled, core.jit changes nothing: the interpreter does everything") {
  REQUIRE(CompiledCode::create({}) == nullptr);
  const auto run = [](JitUse jit) {
    CoreConfig config;
    config.jit = jit;
    config.jit_after = 0;
    Machine m(config);
    Program p;
    p.li(8, Machine::kData);
    p << addi(10, 10, 1) << lw(12, 8, 0) << add(12, 12, 10) << sw(12, 0, 8) << ecall() << jal(0, -20);
    m.execute(p, 2000, [&] { m.core->set_csr(csr::kMTVEC, Machine::kBase + 8); });
    return std::vector<uint64_t>{m.core->pc(), m.core->time_ps(), m.x(10), m.x(12), m.bus.word(Machine::kData)};
  };
  const std::vector<uint64_t> interpreted = run(JitUse::off);
  CHECK(interpreted[2] > 100);
  CHECK(run(JitUse::automatic) == interpreted);
}
