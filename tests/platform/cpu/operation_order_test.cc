// The interpreter's order of a block's operations: what changes place, what stays, and that nobody can see it.
#include "platform/cpu/operation_order.h"

#include <array>
#include <catch2/catch.hpp>
#include <random>

#include "platform/cpu/block_registers.h"
#include "tests/support/rv_asm.h"

using namespace backboard;
using namespace backboard::rv;

namespace {

/// As a block holds them: a word each, and two cycles.
std::vector<Operation> block_of(const std::vector<uint32_t>& bits) {
  std::vector<Operation> operations;
  for (const uint32_t instruction : bits) {
    Operation operation = decode(instruction);
    operation.pc_offset = static_cast<uint16_t>(4 * operations.size());
    operation.cycles_before = static_cast<uint16_t>(2 * operations.size());
    operations.push_back(operation);
  }
  return operations;
}

std::vector<unsigned> offsets(const std::vector<Operation>& operations) {
  std::vector<unsigned> result;
  for (const Operation& operation : operations) result.push_back(operation.pc_offset);
  return result;
}

std::vector<unsigned> offsets_in_order(const std::vector<uint32_t>& bits) {
  std::vector<Operation> operations = block_of(bits);
  put_results_at_hand(operations);
  return offsets(operations);
}

using Registers = std::array<uint64_t, kDiscardRegister + 1>;

/// What an instruction writes, as a number that tells what it was made of; x0 stays what it is.
void carry_out(const Operation& op, Registers& x) {
  const IntegerOperands operands = integer_operands(op.id);
  if (!operands.rd || op.rd == kDiscardRegister) return;
  uint64_t value = static_cast<uint64_t>(op.id) << 32 ^ static_cast<uint32_t>(op.immediate);
  for (const uint64_t part : {operands.rs1 ? x[op.rs1] : 0, operands.rs2 ? x[op.rs2] : 0}) {
    value = (value ^ part) * 0x9e3779b97f4a7c15;
    value ^= value >> 29;
  }
  x[op.rd] = value;
}

}  // namespace

TEST_CASE("a result goes to its reader before others are carried out") {
  // Two chains in turns.
  CHECK(offsets_in_order({add(5, 5, 8), add(6, 6, 8), xor_(5, 5, 9), xor_(6, 6, 9), sub(5, 5, 8), sub(6, 6, 8)}) ==
        std::vector<unsigned>{0, 8, 16, 4, 12, 20});
  // What a load leaves at hand is read first.
  CHECK(offsets_in_order({lw(5, 10, 0), addi(6, 6, 1), addi(5, 5, 1)}) == std::vector<unsigned>{0, 8, 4});
}

TEST_CASE("readers stay behind writers, and writers behind those that read what was there") {
  // The third reads x5 as it was; the fourth writes what the second reads.
  CHECK(offsets_in_order({add(7, 5, 6), add(8, 9, 9), add(5, 7, 7), add(9, 5, 5)}) ==
        std::vector<unsigned>{0, 8, 4, 12});
  CHECK(offsets_in_order({add(5, 6, 6), add(5, 7, 7), add(8, 5, 5)}) == std::vector<unsigned>{0, 4, 8});
}

TEST_CASE("what may leave the block keeps its place, with all that came before it") {
  CHECK(offsets_in_order({addi(5, 5, 1), addi(6, 6, 1), lw(7, 10, 0), addi(5, 5, 1), sw(6, 0, 10), addi(6, 6, 1)}) ==
        std::vector<unsigned>{0, 4, 8, 12, 16, 20});
}

TEST_CASE("cycles are counted by place, and the program's order can be had again") {
  std::vector<Operation> operations = block_of({add(5, 5, 8), add(6, 6, 8), xor_(5, 5, 9), xor_(6, 6, 9)});
  put_results_at_hand(operations);
  REQUIRE(offsets(operations) == std::vector<unsigned>{0, 8, 4, 12});
  for (unsigned i = 0; i < operations.size(); ++i) {
    CHECK(operations[i].cycles_before == 2 * i);
    CHECK(operation_at(operations, 4 * i, i).pc_offset == 4 * i);
  }
  CHECK(offsets(in_program_order(operations)) == std::vector<unsigned>{0, 4, 8, 12});
}

TEST_CASE("in any order every register holds the same wherever the block may be left") {
  std::mt19937 random(1);
  const auto reg = [&] { return static_cast<uint32_t>(random() % 8); };  // x0 among them
  for (unsigned program = 0; program < 2000; ++program) {
    std::vector<uint32_t> bits;
    const unsigned count = 1 + static_cast<unsigned>(random() % 64);
    for (unsigned i = 0; i < count; ++i) {
      switch (random() % (program % 2 == 0 ? 7 : 16)) {
        case 0:
          bits.push_back(addi(reg(), reg(), static_cast<int32_t>(random() % 100)));
          break;
        case 1:
          bits.push_back(lui(reg(), random() % 100));
          break;
        case 2:
          bits.push_back(slli(reg(), reg(), random() % 32));
          break;
        case 3:
          bits.push_back(lw(reg(), reg(), 0));
          break;
        case 4:
          bits.push_back(sw(reg(), 0, reg()));
          break;
        default:
          bits.push_back(sub(reg(), reg(), reg()));
          break;
      }
    }
    const std::vector<Operation> given = block_of(bits);
    std::vector<Operation> ordered = given;
    put_results_at_hand(ordered);
    Registers expected{}, x{};
    for (unsigned i = 0; i < 32; ++i) expected[i] = x[i] = i;
    for (unsigned i = 0; i < count; ++i) {
      carry_out(given[i], expected);
      carry_out(ordered[i], x);
      if (!may_leave(given[i].id)) continue;
      CHECK(ordered[i].pc_offset == given[i].pc_offset);
      CHECK(x == expected);
    }
    CHECK(x == expected);
    CHECK(offsets(in_program_order(ordered)) == offsets(given));
  }
}
