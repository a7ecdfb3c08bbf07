// A short program in both tiers of the core.
#pragma once

#include <catch2/catch.hpp>

#include "tests/support/machine.h"

namespace backboard::test {

/// The program in compiled code and interpreted: registers, time, traps and memory are the same.
inline void compare_tiers(const rv::Program& program, uint64_t instructions, uint32_t x9 = 0x09090909) {
  CoreConfig interpreted, compiled;
  interpreted.jit = JitUse::off;
  compiled.jit_after = 0;
  Machine one(interpreted), two(compiled);
  for (Machine* m : {&one, &two}) {
    m->execute(program, instructions, [m, x9] {
      for (unsigned x = 1; x < 32; ++x) m->core->set_x(x, 0x01010101 * x);
      m->core->set_x(8, Machine::kData);
      m->core->set_x(9, x9);
    });
  }
  for (unsigned x = 0; x < 32; ++x) {
    INFO("x" << x);
    CHECK(one.x(x) == two.x(x));
  }
  CHECK(one.core->pc() == two.core->pc());
  CHECK(one.cycles() == two.cycles());
  CHECK(one.log.traps.size() == two.log.traps.size());
  CHECK(one.bus.ram() == two.bus.ram());
}

}  // namespace backboard::test
