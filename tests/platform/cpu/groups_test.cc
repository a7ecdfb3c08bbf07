// The interpreter's handlers for groups of instructions (groups.def): each row, whole and interrupted at every place.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <cstring>
#include <optional>
#include <string_view>
#include <vector>

#include "platform/cpu/handlers.h"
#include "tests/platform/cpu/instruction_bits.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

struct Step {
  InstructionId id;
  std::string_view step_class, operands;
};
struct Row {
  Handler handler;
  std::string_view name;
  std::vector<Step> steps;
};

#define STEP(c, id, operands) \
  { InstructionId::id, #c, #operands }
#define ROW(name, ...) ROW_OF(name, __VA_ARGS__)
#define ROW_OF(name, ...) {Handler::name, #name, {__VA_ARGS__}},
#define GROUP_2(c1, i1, a1, c2, i2, a2) ROW(GROUP_NAME_2(c1, i1, a1, c2, i2, a2), STEP(c1, i1, a1), STEP(c2, i2, a2))
#define GROUP_3(c1, i1, a1, c2, i2, a2, c3, i3, a3) \
  ROW(GROUP_NAME_3(c1, i1, a1, c2, i2, a2, c3, i3, a3), STEP(c1, i1, a1), STEP(c2, i2, a2), STEP(c3, i3, a3))
#define GROUP_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4)                                         \
  ROW(GROUP_NAME_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4), STEP(c1, i1, a1), STEP(c2, i2, a2), \
      STEP(c3, i3, a3), STEP(c4, i4, a4))
const std::vector<Row>& rows() {
  static const std::vector<Row> kRows{
#include "platform/cpu/groups.def"
  };
  return kRows;
}

// x10 is at hand before the group; x11 and x8 lie in their registers, and x6 and x7 with the same values, for the later
// instructions; results go to x12 to x15.
constexpr uint32_t kAtHand = 10, kFirst = 11, kSecond = 8, kLaterFirst = 6, kLaterSecond = 7, kResults = 12;

/// The row's instructions with results in the registers that `choice` says, two bits for each step.
std::vector<uint32_t> instructions(const Row& row, unsigned choice) {
  std::vector<uint32_t> bits;
  std::vector<uint32_t> written;  // by each step so far that writes; x10 before them
  uint32_t first[2] = {};
  written.push_back(kAtHand);
  for (size_t i = 0; i < row.steps.size(); ++i) {
    const Step& step = row.steps[i];
    uint32_t sources[2] = {i == 0 ? kFirst : kLaterFirst, i == 0 ? kSecond : kLaterSecond};
    for (size_t operand = 0; operand < step.operands.size(); ++operand) {
      const char letter = step.operands[operand];
      if (letter == 'h') sources[operand] = written.back();
      if (letter == 'g' && written.size() >= 2) sources[operand] = written[written.size() - 2];
      if (letter == 's' || letter == 'u') sources[operand] = first[operand];
    }
    if (i == 0) std::copy(sources, sources + 2, first);
    const uint32_t rd = kResults + (choice >> 2 * i & 3);
    bits.push_back(encode(step.id, Isa::rv32imafc, sources[0], sources[1], rd));
    if (step.step_class != "store" && step.step_class != "branch") written.push_back(rd);
  }
  return bits;
}

/// Of the first of these instructions, in a block.
uint16_t handler_of(const std::vector<uint32_t>& bits) {
  std::vector<Operation> operations;
  for (const uint32_t instruction : bits) operations.push_back(decode(instruction));
  HandlerChoice handlers;
  for (Operation& operation : operations) handlers.choose(operation);
  HandlerChoice::group(operations);
  return operations[0].handler;
}

/// Those that the interpreter takes for the row.
std::optional<std::vector<uint32_t>> example(const Row& row) {
  for (unsigned choice = 0; choice < 256; ++choice) {
    std::vector<uint32_t> bits = instructions(row, choice);
    std::vector<Operation> operations{decode(addi(kAtHand, 9, 0))};
    for (const uint32_t instruction : bits) operations.push_back(decode(instruction));
    HandlerChoice handlers;
    for (Operation& operation : operations) handlers.choose(operation);
    HandlerChoice::group(std::span(operations).subspan(1));
    if (operations[1].handler == static_cast<uint16_t>(row.handler)) return bits;
  }
  return std::nullopt;
}

/// A machine that runs the group in a block, and one that runs one instruction after the other.
class Pair {
 public:
  explicit Pair(const std::vector<uint32_t>& group, const std::array<uint32_t, 3>& values, bool caches = false)
      : in_block(interpreted(caches)), one_by_one(interpreted(caches)) {
    Program p;
    p << lw(18, 0, 19) << sw(18, 0, 19);  // the line of the data is in the cache, and dirty
    p << addi(kAtHand, 9, 0);
    for (const uint32_t bits : group) p << bits;
    p << addi(16, 12, 1) << addi(17, 13, 1) << jal(0, 0);
    for (Machine* machine : {&in_block, &one_by_one}) {
      for (uint32_t i = 0; i < 64; i += 4) machine->bus.set_word(Machine::kData + i, Machine::kData + (i * 7 + 3) % 64);
      machine->load(p);
      machine->start();
      machine->core->set_x(9, values[0]);
      for (const uint32_t first : {kFirst, kLaterFirst}) machine->core->set_x(first, values[1]);
      for (const uint32_t second : {kSecond, kLaterSecond}) machine->core->set_x(second, values[2]);
      machine->core->set_x(19, Machine::kData);
      for (uint32_t i = 0; i < 4; ++i) machine->core->set_x(kResults + i, 0x1234'5678 * (i + 1));
    }
  }
  void check_same() {
    for (unsigned i = 0; i < 32; ++i) {
      INFO("x" << i);
      CHECK(in_block.core->x(i) == one_by_one.core->x(i));
    }
    CHECK(in_block.core->pc() == one_by_one.core->pc());
    CHECK(in_block.core->time_ps() == one_by_one.core->time_ps());
    CHECK(in_block.core->csr(0x342) == one_by_one.core->csr(0x342));
    CHECK(in_block.core->csr(0x341) == one_by_one.core->csr(0x341));
    const CoreStatistics a = in_block.core->statistics(), b = one_by_one.core->statistics();
    CHECK(a.instructions == b.instructions);
    CHECK(a.loads == b.loads);
    CHECK(a.stores == b.stores);
    CHECK(a.branches_taken == b.branches_taken);
    CHECK(std::memcmp(in_block.bus.at(Machine::kData), one_by_one.bus.at(Machine::kData), 64) == 0);
  }
  void step(unsigned count) {
    while (count-- > 0) one_by_one.run(1);
  }

  static CoreConfig interpreted(bool caches) {
    CoreConfig config;
    config.jit = JitUse::off;
    config.cacheable = {{Machine::kBase, Machine::kBase + 0xfffff}};
    config.code_cache.enabled = config.data_cache.enabled = caches;
    config.code_cache.data = config.data_cache.data = false;
    return config;
  }
  Machine in_block, one_by_one;
};

constexpr uint32_t kPlace = Machine::kData + 16;
constexpr unsigned kLead = 3;     ///< instructions before the group
constexpr unsigned kWhole = 100;  ///< instructions: the program ends in a loop of one

}  // namespace

TEST_CASE("instructions that are a row of the groups get its handler, and do what they do one by one") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const auto group = example(row);
    REQUIRE(group);
    // The last two lead loads and stores to where no memory is.
    const std::array<uint32_t, 3> values[] = {{kPlace, kPlace + 4, 8}, {kPlace, 12, kPlace},
                                              {8, kPlace, kPlace},     {16, 8, kPlace - 64},
                                              {0, kPlace, 0},          {kPlace - 8, kPlace, 0xFFFF'FFFF},
                                              {31, 0xC000'0000, ~0u},  {~0u, 0x3FFF'FFFF, 1}};
    for (const auto& value : values) {
      for (const bool caches : {false, true}) {
        INFO("caches " << caches);
        Pair pair(*group, value, caches);
        pair.in_block.run(kWhole);
        pair.step(kWhole);
        pair.check_same();
      }
    }
  }
}

TEST_CASE("a limit of instructions ends inside a group, which then goes on") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const auto group = example(row);
    REQUIRE(group);
    for (unsigned middle = 1; middle < row.steps.size(); ++middle) {
      INFO(middle);
      Pair pair(*group, {kPlace, kPlace + 4, 8});
      pair.in_block.run(kLead + middle);
      pair.step(kLead + middle);
      pair.check_same();
      pair.in_block.run(kWhole);
      pair.step(kWhole);
      pair.check_same();
    }
  }
}

TEST_CASE("a breakpoint inside a group stops there") {
  for (const Row& row : rows()) {
    INFO(row.name);
    const auto group = example(row);
    REQUIRE(group);
    for (unsigned middle = 1; middle < row.steps.size(); ++middle) {
      INFO(middle);
      Pair pair(*group, {kPlace, kPlace + 4, kPlace - 32});
      pair.in_block.core->set_breakpoints({Machine::kBase + 4 * (kLead + middle)});
      pair.in_block.run(kWhole);
      if (pair.in_block.core->stop_reason() != StopReason::breakpoint) continue;  // it trapped before
      const uint64_t before = pair.in_block.core->statistics().instructions;
      CHECK(before == kLead + middle);
      pair.step(kLead + middle);
      pair.check_same();
      pair.in_block.run(kWhole);
      pair.step(kWhole);
      pair.check_same();
    }
  }
}

TEST_CASE("a result that may be read later is stored") {
  // A rotation. The OR overwrites the second shift's result; if it does not, that may be read later.
  const auto rotation = static_cast<uint16_t>(Handler::alu_SLLI_m_temp_SRLI_s_alu_OR_hg);
  CHECK(handler_of({slli(13, 11, 7), srli(12, 11, 25), or_(12, 12, 13)}) == rotation);
  CHECK(handler_of({slli(13, 11, 7), srli(12, 11, 25), or_(14, 12, 13)}) != rotation);
  CHECK(handler_of({slli(13, 11, 7), srli(12, 10, 25), or_(12, 12, 13)}) != rotation);  // of another register
  CHECK(handler_of({slli(11, 11, 7), srli(12, 11, 25), or_(12, 12, 11)}) != rotation);  // which is not what it was
}

TEST_CASE("what is at hand is not read from its register") {
  const auto both = static_cast<uint16_t>(Handler::alu_ADD_mm_alu_XOR_mm);
  CHECK(handler_of({add(13, 11, 12), xor_(14, 11, 12)}) == both);
  CHECK(handler_of({add(13, 11, 12), xor_(14, 13, 12)}) != both);
  CHECK(handler_of({add(13, 11, 12), xor_(14, 11, 13)}) != both);
}
