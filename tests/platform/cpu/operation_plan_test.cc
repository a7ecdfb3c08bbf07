// Operations that a block's compiler is spared: rotations spelt out as shifts, and results that nobody sees.
#include <catch2/catch.hpp>

#include "platform/cpu/operation_plan.h"
#include "tests/support/rv_asm.h"

using namespace backboard;
using namespace backboard::rv;

namespace {

std::vector<Operation> plan_of(const std::vector<uint32_t>& instructions) {
  std::vector<Operation> operations;
  for (const uint32_t bits : instructions) operations.push_back(decode(bits));
  return plan_operations(operations);
}

bool rotates(const Operation& op, unsigned rd, unsigned from, int32_t right) {
  return op.id == InstructionId::RORI && op.rd == rd && op.rs1 == from && op.immediate == right;
}
bool left_out(const Operation& op) {
  return op.id == InstructionId::ADDI && op.rd == kDiscardRegister;
}

}  // namespace

TEST_CASE("two shifts of one register that are joined are a rotation") {
  for (const uint32_t join : {or_(7, 5, 6), xor_(7, 6, 5), add(7, 5, 6)}) {
    const auto plan = plan_of({slli(5, 10, 7), srli(6, 10, 25), join});
    CHECK(plan[0].id == InstructionId::SLLI);  // x5 and x6 are seen behind the block
    CHECK(plan[1].id == InstructionId::SRLI);
    CHECK(rotates(plan[2], 7, 10, 25));
  }
}

TEST_CASE("a shift that the rotation overwrites is spared, so that a register may rotate in itself") {
  const auto in_itself = plan_of({srli(16, 14, 12), slli(14, 14, 20), or_(14, 14, 16)});
  CHECK(in_itself[0].id == InstructionId::SRLI);
  CHECK(rotates(in_itself[1], 14, 14, 12));
  CHECK(left_out(in_itself[2]));
  const auto first = plan_of({slli(5, 10, 7), add(11, 11, 12), srli(6, 10, 25), or_(5, 5, 6)});
  CHECK(left_out(first[0]));
  CHECK(first[2].id == InstructionId::SRLI);
  CHECK(rotates(first[3], 5, 10, 25));
  // The register is another's when the two are joined.
  const auto reused = plan_of({slli(5, 10, 7), srli(6, 10, 25), lui(10, 1), or_(6, 5, 6)});
  CHECK(rotates(reused[1], 6, 10, 25));
  CHECK(left_out(reused[3]));
}

TEST_CASE("what may be seen before the rotation stays") {
  const auto trap = plan_of({slli(5, 10, 7), lw(11, 12, 0), srli(6, 10, 25), or_(5, 5, 6)});
  CHECK(trap[0].id == InstructionId::SLLI);
  CHECK(rotates(trap[3], 5, 10, 25));
  const auto read = plan_of({slli(5, 10, 7), srli(6, 10, 25), add(11, 5, 5), or_(5, 5, 6)});
  CHECK(read[0].id == InstructionId::SLLI);
  CHECK(rotates(read[3], 5, 10, 25));
  // In itself, with a load between: the shifted value must be there, and what was shifted is gone.
  const auto gone = plan_of({srli(16, 14, 12), slli(14, 14, 20), lw(11, 12, 0), or_(14, 14, 16)});
  CHECK(gone[3].id == InstructionId::OR);
  CHECK(gone[1].id == InstructionId::SLLI);
}

TEST_CASE("a result that is overwritten unseen is not computed, nor what only it was made of") {
  const auto plan = plan_of({addi(5, 10, 1), add(6, 5, 11), lui(5, 1), addi(6, 5, 2), mul(7, 6, 6)});
  CHECK(left_out(plan[0]));
  CHECK(left_out(plan[1]));
  for (size_t i = 2; i < plan.size(); ++i) CHECK_FALSE(left_out(plan[i]));
  for (const uint32_t between : {lw(11, 12, 0), sw(11, 0, 12), 0x0ff0000fu, 0x00208053u}) {  // fence, fadd.s
    const auto seen = plan_of({addi(5, 10, 1), between, addi(5, 10, 2)});
    CHECK(seen[0].id == InstructionId::ADDI);
    CHECK(seen[0].rd == 5);
  }
  const auto own = plan_of({addi(5, 10, 1), lw(5, 12, 0)});  // it may trap, and leaves x5 then
  CHECK_FALSE(left_out(own[0]));
  const auto end = plan_of({addi(5, 10, 1), add(6, 5, 5), bne(5, 6, 8)});
  for (const Operation& op : end) CHECK_FALSE(left_out(op));
}

TEST_CASE("no rotation: other amounts, other registers, the same direction, a register that changes between") {
  const std::vector<std::vector<uint32_t>> none = {
      {slli(5, 10, 7), srli(6, 10, 24), or_(7, 5, 6)},
      {slli(5, 10, 7), srli(6, 11, 25), or_(7, 5, 6)},
      {slli(5, 10, 7), srai(6, 10, 25), or_(7, 5, 6)},
      {slli(5, 10, 16), slli(6, 10, 16), or_(7, 5, 6)},
      {slli(5, 10, 0), srli(6, 10, 0), or_(7, 5, 6)},
      {slli(5, 10, 7), srli(6, 10, 25), and_(7, 5, 6)},
      {slli(5, 10, 7), srli(6, 10, 25), sub(7, 5, 6)},
      {slli(5, 10, 7), srli(6, 10, 25), or_(7, 5, 5)},
      {slli(10, 10, 7), srli(6, 10, 25), or_(7, 10, 6)},
      {slli(5, 10, 7), addi(10, 10, 1), srli(6, 10, 25), or_(7, 5, 6)},
      {slli(5, 10, 7), srli(6, 10, 25), lui(10, 1), or_(7, 5, 6)},
      {slli(5, 10, 7), srli(10, 10, 25), or_(7, 5, 10)},
      {slli(5, 10, 7), srli(6, 10, 25), addi(5, 5, 1), or_(7, 5, 6)},
      {srli(6, 10, 25), or_(7, 5, 6)},
  };
  for (size_t i = 0; i < none.size(); ++i) {
    INFO("case " << i);
    const auto plan = plan_of(none[i]);
    for (size_t k = 0; k < plan.size(); ++k) CHECK(plan[k].id == decode(none[i][k]).id);
    CHECK(plan.back().rs1 == decode(none[i].back()).rs1);
  }
}

TEST_CASE("one shift may be a part of two rotations") {
  const auto plan = plan_of({slli(5, 10, 16), srli(6, 10, 16), or_(7, 5, 6), xor_(5, 5, 6)});
  CHECK(left_out(plan[0]));  // nobody reads it any more
  CHECK(rotates(plan[2], 7, 10, 16));
  CHECK(rotates(plan[3], 5, 10, 16));
}

TEST_CASE("a comparison comes to the one sum that takes its result as a carry") {
  const auto wide =
      plan_of({add(14, 10, 12), sltu(15, 14, 10), add(11, 11, 13), lui(16, 1), add(11, 11, 15), lui(15, 1)});
  CHECK(wide[3].id == InstructionId::SLTU);
  CHECK(wide[4].id == InstructionId::ADD);
  CHECK(takes_carry(wide[4], wide[3].rd));
  const auto own = plan_of({sltiu(15, 10, 1), lui(16, 1), sub(15, 11, 15)});
  CHECK(own[1].id == InstructionId::SLTIU);
}

TEST_CASE("a comparison stays where its result is seen, or what it compares changes") {
  const std::vector<std::vector<uint32_t>> none = {
      {sltu(15, 10, 11), lui(16, 1), add(12, 12, 15)},     // x15 is seen behind the block
      {sltu(15, 10, 11), lw(16, 13, 0), add(15, 12, 15)},  // and where the load traps
      {sltu(15, 10, 11), addi(10, 10, 1), add(15, 12, 15)},
      {sltu(15, 10, 11), addi(11, 11, 1), add(15, 12, 15)},
      {sltu(15, 10, 11), lui(16, 1), add(12, 12, 15), add(13, 13, 15), lui(15, 1)},
      {sltu(15, 10, 11), lui(16, 1), sub(15, 15, 12)},
      {sltu(15, 10, 11), lui(16, 1), add(15, 15, 15)},
      {slt(15, 10, 11), lui(16, 1), add(15, 12, 15)},
  };
  for (size_t i = 0; i < none.size(); ++i) {
    INFO("case " << i);
    CHECK(plan_of(none[i])[0].id == decode(none[i][0]).id);
  }
}

TEST_CASE("the halves of a product come together, unless somebody stands between them") {
  for (const uint32_t high : {mulhu(15, 10, 11), mulh(15, 11, 10)}) {
    const auto plan = plan_of({mul(14, 10, 11), lui(16, 1), high, add(17, 14, 15)});
    CHECK(are_halves(plan[0], plan[1]));
    const auto turned = plan_of({high, addi(16, 14, 1), mul(10, 10, 11), add(17, 10, 15)});
    CHECK(are_halves(turned[0], turned[1]));
  }
  const std::vector<std::vector<uint32_t>> none = {
      {mul(14, 10, 11), addi(10, 16, 1), mulhu(15, 10, 11)}, {mul(10, 10, 11), lui(16, 1), mulhu(15, 10, 11)},
      {mul(14, 10, 11), addi(16, 15, 1), mulhu(15, 10, 11)}, {mul(14, 10, 11), lw(16, 13, 0), mulhu(15, 10, 11)},
      {mul(14, 10, 11), lui(16, 1), mulhsu(15, 10, 11)},     {mul(14, 10, 11), lui(16, 1), mulhu(15, 10, 12)},
      {mulh(14, 10, 11), lui(16, 1), mulhu(15, 10, 11)},
  };
  for (size_t i = 0; i < none.size(); ++i) {
    INFO("case " << i);
    const auto plan = plan_of(none[i]);
    CHECK_FALSE(are_halves(plan[0], plan[1]));
  }
}

TEST_CASE("two shifts that make one word of two registers come to where they are joined") {
  const auto plan = plan_of({slli(14, 10, 13), lui(16, 1), srli(15, 11, 19), lui(17, 1), or_(14, 14, 15), lui(15, 1)});
  CHECK(are_shifts_joined(plan[2], plan[3], plan[4]));
  CHECK(plan[2].id == InstructionId::SLLI);
  const auto over = plan_of({srli(15, 11, 19), slli(11, 10, 13), lui(16, 1), xor_(15, 11, 15), lui(11, 1)});
  CHECK(are_shifts_joined(over[1], over[2], over[3]));
  const std::vector<std::vector<uint32_t>> none = {
      {slli(14, 10, 13), srli(15, 11, 19), lui(16, 1), or_(14, 14, 15)},                 // x15 is seen behind the block
      {slli(14, 10, 13), srli(15, 11, 19), lw(16, 13, 0), or_(14, 14, 15), lui(15, 1)},  // both where the load traps
      {slli(14, 10, 13), srli(15, 11, 19), addi(10, 10, 1), or_(14, 14, 15), lui(15, 1)},
      {slli(14, 10, 13), srli(15, 11, 19), addi(11, 11, 1), or_(14, 14, 15), lui(15, 1)},
      {slli(14, 10, 13), srli(15, 11, 19), addi(16, 15, 1), or_(14, 14, 15), lui(15, 1)},
      {slli(14, 10, 13), srli(15, 14, 19), lui(16, 1), or_(14, 14, 15), lui(15, 1)},
      {slli(14, 10, 13), srli(15, 11, 18), lui(16, 1), or_(14, 14, 15), lui(15, 1)},
      {slli(14, 10, 13), srai(15, 11, 19), lui(16, 1), or_(14, 14, 15), lui(15, 1)},
  };
  for (size_t i = 0; i < none.size(); ++i) {
    INFO("case " << i);
    const auto kept = plan_of(none[i]);
    for (size_t k = 0; k < kept.size(); ++k) CHECK(kept[k].id == decode(none[i][k]).id);
  }
}
