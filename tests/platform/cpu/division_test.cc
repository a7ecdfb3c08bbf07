// Divisions in compiled code: by either of the host's units, and quotients that are used again.
#include <catch2/catch.hpp>
#include <functional>

#include "platform/cpu/division_plan.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

std::vector<Division> plan_of(const std::vector<uint32_t>& instructions) {
  std::vector<Operation> operations;
  for (const uint32_t bits : instructions) operations.push_back(decode(bits));
  return plan_divisions(operations);
}

constexpr uint32_t kOperands = Machine::kData, kResults = Machine::kData + 0x8000;

/// Pairs of operands: every two of the corners, then some of all sizes.
std::vector<std::pair<uint32_t, uint32_t>> operands() {
  const uint32_t corners[] = {0, 1, 2, 3, 7, 0x7fffffff, 0x80000000, 0x80000001, 0xfffffffe, 0xffffffff};
  std::vector<std::pair<uint32_t, uint32_t>> result;
  for (const uint32_t a : corners) {
    for (const uint32_t b : corners) result.emplace_back(a, b);
  }
  uint32_t state = 2463534242u;
  const auto random = [&] {
    state ^= state << 13, state ^= state >> 17, state ^= state << 5;
    return state;
  };
  for (unsigned i = 0; i < 400; ++i) {
    const uint32_t a = random();
    const uint32_t b = random() >> random() % 32;
    result.emplace_back(a, b);
    result.emplace_back(a / (b | 1) * (b | 1), b | 1);  // without a remainder
  }
  return result;
}

/// What `divisions` leave in x13 to x16 and x20 to x23 for each pair of operands in x10 and x11, which are left alone.
std::vector<uint32_t> results_of(const std::vector<uint32_t>& divisions, JitUse jit) {
  constexpr unsigned kKept[] = {13, 14, 15, 16, 20, 21, 22, 23};
  CoreConfig config;
  config.jit = jit;
  config.jit_after = 0;
  Machine m(config);
  const auto pairs = operands();
  Program p;
  p.li(8, kOperands).li(9, kResults).li(31, static_cast<uint32_t>(kOperands + 8 * pairs.size()));
  const uint32_t loop = p.here();
  p << lw(10, 8, 0) << lw(11, 8, 4) << addi(8, 8, 8);
  for (const uint32_t bits : divisions) p << bits;
  for (unsigned i = 0; i < std::size(kKept); ++i) p << sw(kKept[i], static_cast<int32_t>(4 * i), 9);
  p << addi(9, 9, 32);
  p << bne(8, 31, static_cast<int32_t>(loop - p.here())) << jal(0, 0);
  m.execute(p, 100 + pairs.size() * (15 + divisions.size()), [&] {
    for (size_t i = 0; i < pairs.size(); ++i) {
      m.bus.set_word(kOperands + static_cast<uint32_t>(8 * i), pairs[i].first);
      m.bus.set_word(kOperands + static_cast<uint32_t>(8 * i) + 4, pairs[i].second);
    }
  });
  std::vector<uint32_t> results;
  for (size_t i = 0; i < 8 * pairs.size(); ++i) {
    results.push_back(m.bus.word(kResults + static_cast<uint32_t>(4 * i)));
  }
  REQUIRE(m.x(8) == m.x(31));
  return results;
}

}  // namespace

TEST_CASE("of divisions that do not wait for themselves every second one goes to the unit for binary64") {
  const auto plan = plan_of({divu(13, 10, 11), remu(14, 10, 12), div(15, 11, 12), rem(16, 12, 11), add(17, 13, 14)});
  CHECK_FALSE(plan[0].floating);
  CHECK(plan[1].floating);
  CHECK_FALSE(plan[2].floating);
  CHECK(plan[3].floating);
  CHECK_FALSE(plan_of({divu(13, 10, 11), addi(10, 10, 1)})[0].floating);
}

TEST_CASE("a division that waits for the one of the last turn stays with integers, which are faster by themselves") {
  // x10 by x11, which becomes the remainder: Euclid's. The other is free.
  const auto plan = plan_of({remu(12, 10, 11), add(10, 11, 0), add(11, 12, 0), divu(13, 14, 15)});
  CHECK_FALSE(plan[0].floating);
  CHECK(plan[3].floating);
  // Through a load's address and an addition.
  const auto chased = plan_of({divu(10, 10, 11), lw(12, 10, 0), addi(10, 12, 4), divu(13, 14, 15)});
  CHECK_FALSE(chased[0].floating);
  CHECK(chased[3].floating);
}

TEST_CASE("a quotient is used again by a division of the same operands, as long as they are what they were") {
  const auto taken = [](const std::vector<uint32_t>& instructions) {
    const auto plan = plan_of(instructions);
    return plan.front().keeps_quotient && plan.back().takes_quotient;
  };
  CHECK(taken({div(12, 10, 11), rem(13, 10, 11)}));
  CHECK(taken({remu(12, 10, 11), addi(14, 14, 1), divu(13, 10, 11)}));
  CHECK(taken({divu(12, 10, 11), divu(10, 10, 11)}));
  CHECK_FALSE(taken({div(12, 10, 11), remu(13, 10, 11)}));
  CHECK_FALSE(taken({div(12, 10, 11), rem(13, 11, 10)}));
  CHECK_FALSE(taken({div(10, 10, 11), rem(13, 10, 11)}));
  CHECK_FALSE(taken({div(12, 10, 11), lw(11, 8, 0), rem(13, 10, 11)}));
  CHECK_FALSE(taken({div(0, 10, 11), rem(13, 10, 11)}));
}

TEST_CASE("compiled divisions give the interpreter's results, whatever unit they use and whichever are kept") {
  const std::vector<std::vector<uint32_t>> programs{
      {div(13, 10, 11), rem(14, 10, 11), divu(15, 10, 11), remu(16, 10, 11)},
      {rem(20, 10, 11), div(21, 10, 11), remu(22, 10, 11), divu(23, 10, 11)},
      {rem(13, 10, 11), div(20, 10, 11), rem(14, 10, 11), div(21, 10, 11)},
      {divu(13, 10, 11), divu(14, 11, 10), remu(15, 10, 11), remu(16, 11, 10)},
      {div(13, 11, 10), div(14, 10, 11), rem(15, 11, 10), rem(16, 10, 11)},
      {add(13, 10, 0), div(13, 13, 11), rem(14, 13, 11), div(15, 10, 11), rem(16, 10, 13)},
      {remu(13, 11, 10), remu(20, 10, 11), divu(14, 10, 11), div(21, 11, 10), rem(15, 10, 10), div(22, 10, 10)},
      {divu(13, 10, 11), sw(13, 28, 9), lw(20, 9, 28), remu(14, 10, 11), div(21, 0, 11), rem(15, 10, 0),
       rem(16, 11, 10)},
  };
  for (const auto& program : programs) {
    CAPTURE(&program - programs.data());
    CHECK(results_of(program, JitUse::automatic) == results_of(program, JitUse::off));
  }
}
