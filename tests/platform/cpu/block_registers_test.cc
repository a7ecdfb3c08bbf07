// Registers of the host for those of the guest: what is asked before one is given away, and what is where when a
// compiled block is left.
#include <algorithm>
#include <catch2/catch.hpp>

#include "platform/cpu/block_registers.h"
#include "tests/platform/cpu/both_tiers.h"

using namespace backboard;
using namespace backboard::rv;
using test::compare_tiers;
using test::Machine;

namespace {

std::vector<Operation> decoded(const std::vector<uint32_t>& instructions) {
  std::vector<Operation> operations;
  for (const uint32_t bits : instructions) operations.push_back(decode(bits));
  return operations;
}

bool has(const RegisterPlaces::Guests& guests, unsigned x) {
  return std::find(guests.begin(), guests.end(), x) != guests.end();
}

constexpr RegisterPlaces::Guests kUsual = {10, 11, 12, 13, 14, 15, 16, 17, 0, 0};
constexpr unsigned kAllHosts = (1u << RegisterPlaces::kHosts) - 1;

}  // namespace

TEST_CASE("an instruction's x registers are those that its format names") {
  const auto is = [](uint32_t bits, bool rs1, bool rs2, bool rd) {
    const IntegerOperands operands = integer_operands(decode(bits).id);
    return operands.rs1 == rs1 && operands.rs2 == rs2 && operands.rd == rd;
  };
  CHECK(is(add(1, 2, 3), true, true, true));
  CHECK(is(addi(1, 2, 3), true, false, true));
  CHECK(is(lw(1, 2, 4), true, false, true));
  CHECK(is(sw(1, 4, 2), true, true, false));
  CHECK(is(bne(1, 2, 8), true, true, false));
  CHECK(is(lui(1, 2), false, false, true));
  CHECK(is(jal(1, 8), false, false, true));
  CHECK(is(0x00312087, true, false, false));   // flw f1, 3(x2)
  CHECK(is(0x00208053, false, false, false));  // fadd.s f0, f1, f2
  CHECK(is(0xe0008053, false, false, true));   // fmv.x.w x0, f1
}

TEST_CASE("what is overwritten unseen is dead: not when it is read, nor when something between may trap") {
  const RegisterUses plain(decoded({lui(5, 1), addi(6, 7, 0), addi(5, 7, 1)}));
  CHECK(plain.is_dead(5, 1));
  CHECK_FALSE(plain.is_dead(6, 2));  // the block's end sees it
  const RegisterUses read(decoded({lui(5, 1), addi(6, 5, 0), addi(5, 7, 1)}));
  CHECK_FALSE(read.is_dead(5, 1));
  CHECK(read.is_dead(5, 2));
  const RegisterUses trap(decoded({lui(5, 1), lw(6, 7, 0), addi(5, 7, 1)}));
  CHECK_FALSE(trap.is_dead(5, 1));
  const RegisterUses itself(decoded({lui(5, 1), addi(6, 7, 0), lw(5, 7, 0)}));  // a load that traps leaves x5
  CHECK_FALSE(itself.is_dead(5, 1));
  CHECK(plain.comes_in(7));
  CHECK_FALSE(plain.comes_in(5));
  CHECK(RegisterUses(decoded({addi(5, 5, 1)})).comes_in(5));
}

TEST_CASE("a loop of few registers keeps them all, and leaves others where they usually are") {
  const RegisterUses few(decoded({lw(5, 10, 0), add(6, 6, 5), addi(10, 10, 4), bne(10, 31, -12)}));
  const auto chosen = choose_loop_registers(few, kUsual, kAllHosts);
  for (const unsigned x : {5u, 6u, 10u, 31u}) CHECK(has(chosen, x));
  CHECK(chosen[0] == 10);
  CHECK(std::count(chosen.begin(), chosen.end(), 0) == 0);  // two of x11 to x17 had to go
  std::vector<uint32_t> many;
  for (uint32_t x = 18; x < 32; ++x) many.push_back(add(x, x, 5));
  for (uint32_t x = 18; x < 22; ++x) many.push_back(add(x, x, x));
  many.push_back(addi(9, 0, 1));
  const auto best = choose_loop_registers(RegisterUses(decoded(many)), kUsual, kAllHosts);
  for (const unsigned x : {5u, 18u, 19u, 20u, 21u}) CHECK(has(best, x));
  CHECK_FALSE(has(best, 9));  // does not come in
  CHECK(std::count(best.begin(), best.end(), 0) == 3);
}

TEST_CASE("a load that traps leaves a constant that only the compiler knew of") {
  compare_tiers(Program() << lui(17, 0x12345) << addi(17, 17, 0x678) << lw(17, 0, 16), 20);
  compare_tiers(Program() << lui(28, 0x12345) << addi(5, 28, 1) << add(28, 5, 5) << lw(28, 0, 16) << addi(28, 28, 1),
                20);
}

TEST_CASE("registers that have changed places are where others look for them behind a loop, and between its turns") {
  // Sixteen registers that go round, with a store each turn; left after every number of instructions.
  Program p;
  p.li(5, 20);
  const uint32_t start = p.here();
  for (uint32_t x = 10; x < 26; ++x) p << add(x, x, x == 25 ? 10 : x + 1) << xor_(x, x, 9);
  p << sw(12, 0, 8) << lw(13, 8, 0) << addi(5, 5, -1);
  p << bne(5, 0, static_cast<int32_t>(start) - static_cast<int32_t>(p.here()));
  p << add(6, 10, 25) << jal(0, 0);
  for (const uint64_t instructions : {30u, 36u, 37u, 38u, 100u, 217u, 700u, 1000u}) compare_tiers(p, instructions);
}

TEST_CASE("a loop of registers that are usually in memory keeps them from turn to turn") {
  Program p;
  p.li(30, 50);
  const uint32_t start = p.here();
  p << lw(28, 8, 0) << add(29, 29, 28) << sw(29, 0, 8) << slli(18, 29, 7) << srli(19, 29, 25) << or_(18, 18, 19)
    << addi(30, 30, -1);
  p << bne(30, 0, static_cast<int32_t>(start) - static_cast<int32_t>(p.here()));
  p << add(7, 18, 29) << jal(0, 0);
  for (const uint64_t instructions : {9u, 10u, 50u, 333u, 500u}) compare_tiers(p, instructions);
}
