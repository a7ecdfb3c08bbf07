// Zba, Zbb and Zbs at both widths: values worked out from the manual, a model that goes bit by bit over random
// operands, interpreted and compiled, and illegal instructions where the core does not have them.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>
#include <set>
#include <string>

#include "platform/cpu/decode.h"
#include "platform/cpu/riscv_core.h"
#include "tests/platform/cpu/bit_manipulation_rows.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::bit_rows;
using test::BitOperand;
using test::BitRow;
using test::Machine;

namespace {

struct Case {
  const char* mnemonic;
  uint64_t a, b;  ///< rs1; rs2 or the amount
  uint64_t expected;
};

std::vector<Case> cases32() {
  constexpr uint64_t kMin = 0x80000000, kMax = 0x7fffffff, kOnes = 0xffffffff;
  return {
      {"sh1add", kOnes, 5, 3},
      {"sh1add", kMin, 1, 1},
      {"sh2add", 0x40000001, 0, 4},
      {"sh3add", 0x20000001, kOnes, 7},
      {"andn", 0xff00ff00, 0x0ff00ff0, 0xf000f000},
      {"orn", 0xff00ff00, 0x0ff00ff0, 0xff0fff0f},
      {"xnor", 0xff00ff00, 0x0ff00ff0, 0x0f0f0f0f},
      {"clz", 0, 0, 32},
      {"clz", 1, 0, 31},
      {"clz", 0x0000ffff, 0, 16},
      {"clz", kMin, 0, 0},
      {"clz", kOnes, 0, 0},
      {"ctz", 0, 0, 32},
      {"ctz", 1, 0, 0},
      {"ctz", 0xffff0000, 0, 16},
      {"ctz", kMin, 0, 31},
      {"cpop", 0, 0, 0},
      {"cpop", kMin, 0, 1},
      {"cpop", 0x12345678, 0, 13},
      {"cpop", kOnes, 0, 32},
      {"min", kMin, kMax, kMin},
      {"min", 0, kOnes, kOnes},
      {"minu", kMin, kMax, kMax},
      {"minu", 0, kOnes, 0},
      {"max", kMin, kMax, kMax},
      {"max", 0, kOnes, 0},
      {"maxu", kMin, kMax, kMin},
      {"maxu", 0, kOnes, kOnes},
      {"sext.b", 0x80, 0, 0xffffff80},
      {"sext.b", 0x1234567f, 0, 0x7f},
      {"sext.h", 0x8000, 0, 0xffff8000},
      {"sext.h", 0x12347fff, 0, 0x7fff},
      {"zext.h", kOnes, 0, 0xffff},
      {"zext.h", 0xabcd8000, 0, 0x8000},
      {"rol", 0x80000001, 0, 0x80000001},
      {"rol", 0x80000001, 1, 3},
      {"rol", 0x12345678, 31, 0x091a2b3c},
      {"rol", 0x80000001, 32, 0x80000001},  // the amount is taken modulo 32
      {"rol", 0x12345678, kOnes, 0x091a2b3c},
      {"ror", 0x80000001, 0, 0x80000001},
      {"ror", 0x80000001, 1, 0xc0000000},
      {"ror", 0x80000001, 63, 3},
      {"rori", 0x80000001, 0, 0x80000001},
      {"rori", 0x80000001, 31, 3},
      {"orc.b", 0, 0, 0},
      {"orc.b", 0x00800100, 0, 0x00ffff00},
      {"orc.b", 0x01000080, 0, 0xff0000ff},
      {"orc.b", kOnes, 0, kOnes},
      {"rev8", 0x12345678, 0, 0x78563412},
      {"rev8", 0xff, 0, 0xff000000},
      {"bclr", kOnes, 31, kMax},
      {"bclr", kOnes, 32, 0xfffffffe},
      {"bclri", kOnes, 0, 0xfffffffe},
      {"bclri", kOnes, 31, kMax},
      {"bext", kMin, 31, 1},
      {"bext", kMin, 63, 1},
      {"bext", kMax, 31, 0},
      {"bexti", 1, 0, 1},
      {"bexti", kMin, 31, 1},
      {"bexti", kMax, 31, 0},
      {"binv", kOnes, 0, 0xfffffffe},
      {"binv", 0, 63, kMin},
      {"binvi", 0, 31, kMin},
      {"binvi", kOnes, 31, kMax},
      {"bset", 0, 31, kMin},
      {"bset", 0, 32, 1},
      {"bseti", 0, 0, 1},
      {"bseti", 0, 31, kMin},
  };
}

std::vector<Case> cases64() {
  constexpr uint64_t kMin = uint64_t{1} << 63, kMax = ~kMin, kOnes = UINT64_MAX, kMinWord = 0xffffffff80000000;
  constexpr uint64_t kTwo32 = uint64_t{1} << 32;
  return {
      {"sh1add", kOnes, 5, 3},
      {"sh1add", kMinWord, 0, 0xffffffff00000000},
      {"sh2add", 0x4000000000000001, 0, 4},
      {"sh3add", 0x2000000000000001, kOnes, 7},
      {"add.uw", kOnes, 1, kTwo32},
      {"add.uw", 0xdeadbeef80000000, 0, 0x80000000},
      {"sh1add.uw", kOnes, 0, 0x1fffffffe},
      {"sh2add.uw", 0xffffffff40000000, 1, kTwo32 + 1},
      {"sh3add.uw", kTwo32 + 1, kOnes, 7},
      {"slli.uw", kOnes, 0, 0xffffffff},
      {"slli.uw", 0xffffffff00000003, 31, 0x180000000},
      {"slli.uw", kOnes, 32, 0xffffffff00000000},
      {"slli.uw", 3, 63, kMin},
      {"andn", 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xf000f000f000f000},
      {"orn", 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0xff0fff0fff0fff0f},
      {"xnor", 0xff00ff00ff00ff00, 0x0ff00ff00ff00ff0, 0x0f0f0f0f0f0f0f0f},
      {"clz", 0, 0, 64},
      {"clz", 1, 0, 63},
      {"clz", 0x80000000, 0, 32},
      {"clz", kOnes, 0, 0},
      {"ctz", 0, 0, 64},
      {"ctz", kTwo32, 0, 32},
      {"ctz", kMin, 0, 63},
      {"cpop", 0, 0, 0},
      {"cpop", 0x123456789abcdef0, 0, 32},
      {"cpop", kOnes, 0, 64},
      {"clzw", 0, 0, 32},
      {"clzw", 0xffffffff00000001, 0, 31},
      {"clzw", 0x80000000, 0, 0},
      {"ctzw", 0xffffffff00000000, 0, 32},
      {"ctzw", 0x80000000, 0, 31},
      {"ctzw", kOnes, 0, 0},
      {"cpopw", 0xffffffff00000000, 0, 0},
      {"cpopw", 0x180000001, 0, 2},
      {"cpopw", kOnes, 0, 32},
      {"min", 0x80000000, kMinWord, kMinWord},
      {"min", kMin, kMax, kMin},
      {"minu", 0x80000000, kMinWord, 0x80000000},
      {"max", 0x80000000, kMinWord, 0x80000000},
      {"max", 0, kOnes, 0},
      {"maxu", 0x80000000, kMinWord, kMinWord},
      {"sext.b", 0x80, 0, 0xffffffffffffff80},
      {"sext.b", kMax - 0x80, 0, 0x7f},
      {"sext.h", 0x8000, 0, 0xffffffffffff8000},
      {"zext.h", kOnes, 0, 0xffff},
      {"rol", kMin | 1, 1, 3},
      {"rol", 0x0000000180000000, 32, 0x8000000000000001},
      {"rol", kMin | 1, 64, kMin | 1},
      {"rol", 2, 63, 1},
      {"ror", 1, 1, kMin},
      {"ror", 1, 63, 2},
      {"ror", 1, 96, kTwo32},  // the amount is taken modulo 64
      {"rori", 1, 0, 1},
      {"rori", 1, 31, 2 * kTwo32},
      {"rori", 1, 32, kTwo32},
      {"rori", 1, 63, 2},
      {"rolw", 0x40000000, 1, kMinWord},
      {"rolw", 0xffffffff00000001, 32, 1},
      {"rolw", 1, 63, kMinWord},
      {"rorw", 0x80000000, 0, kMinWord},
      {"rorw", 1, 1, kMinWord},
      {"rorw", 2, 33, 1},
      {"roriw", 0x80000000, 0, kMinWord},
      {"roriw", 0xffffffff00000003, 1, kMinWord | 1},
      {"roriw", 1, 31, 2},
      {"orc.b", 0x0001000080000010, 0, 0x00ff0000ff0000ff},
      {"rev8", 0x0123456789abcdef, 0, 0xefcdab8967452301},
      {"bclr", kOnes, 63, kMax},
      {"bclr", kOnes, 64, kOnes - 1},
      {"bclri", kOnes, 32, 0xfffffffeffffffff},
      {"bclri", kOnes, 63, kMax},
      {"bext", kMin, 127, 1},
      {"bext", kMin, 31, 0},
      {"bexti", kTwo32, 32, 1},
      {"bexti", kMin, 63, 1},
      {"bexti", kMin, 62, 0},
      {"binv", 0, 63, kMin},
      {"binv", kOnes, 96, 0xfffffffeffffffff},
      {"binvi", 0, 31, 0x80000000},
      {"binvi", 0, 63, kMin},
      {"bset", 0, 32, kTwo32},
      {"bset", 0, 64, 1},
      {"bseti", 0, 31, 0x80000000},
      {"bseti", 0, 63, kMin},
  };
}

CoreConfig config_of(unsigned width, IsaExtension extensions = IsaExtension::b) {
  CoreConfig config;
  config.isa = isa_of_width(width).with(extensions);
  return config;
}

const BitRow& row_of(const std::string& mnemonic, unsigned width) {
  const auto found = std::find_if(bit_rows().begin(), bit_rows().end(),
                                  [&](const BitRow& row) { return mnemonic == row.mnemonic && row.of_width(width); });
  REQUIRE(found != bit_rows().end());
  return *found;
}

uint64_t in_width(uint64_t value, unsigned width) {
  return width == 32 ? value & 0xffffffff : value;
}

/// Registers and what they hold; of the same register the second counts, and x0 is zero.
struct Places {
  uint32_t rd, rs1, rs2;
  uint64_t first(uint64_t a, uint64_t b) const { return rs1 == 0 ? 0 : rs1 == rs2 ? b : a; }
  uint64_t second(uint64_t b) const { return rs2 == 0 ? 0 : b; }
};

struct Pair {
  uint64_t a, b;
};

/// Runs the instruction in a loop over the operands: a and b are loaded, the result is stored.
void check_loop(const BitRow& row, unsigned width, bool jit, const Places& at, uint32_t amount,
                const std::vector<Pair>& operands) {
  const bool two = row.second == BitOperand::rs2;
  const auto load = [&](uint32_t rd, int32_t offset) { return width == 32 ? lw(rd, 8, offset) : ld(rd, 8, offset); };
  Program p;
  p << load(at.rs1, 0) << (two ? load(at.rs2, 8) : addi(0, 0, 0)) << row.word(at.rd, at.rs1, two ? at.rs2 : amount)
    << (width == 32 ? sw(at.rd, 16, 8) : sd(at.rd, 16, 8)) << addi(8, 8, 24) << bne(8, 9, -20) << jal(0, 0);
  CoreConfig config = config_of(width);
  config.jit = jit ? JitUse::automatic : JitUse::off;
  config.jit_after = 0;
  Machine m(config);
  for (size_t i = 0; i < operands.size(); ++i) std::memcpy(m.bus.at(Machine::kData + 24 * i), &operands[i], 16);
  m.execute(p, 6 * operands.size() + 4, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_x(9, Machine::kData + 24 * operands.size());
  });
  CHECK(m.log.traps.empty());
  for (size_t i = 0; i < operands.size(); ++i) {
    const uint64_t b = in_width(two ? operands[i].b : amount, width);
    const Places used = two ? at : Places{at.rd, at.rs1, 32};
    const uint64_t a = used.first(in_width(operands[i].a, width), b), second = two ? used.second(b) : b;
    uint64_t result = 0;
    std::memcpy(&result, m.bus.at(Machine::kData + 24 * i + 16), width / 8);
    const uint64_t expected = at.rd == 0 ? 0 : in_width(row.model(a, second, width), width);
    INFO(std::hex << a << " " << second);
    REQUIRE(result == expected);
  }
}

std::vector<Pair> operands_of(uint32_t seed) {
  static constexpr uint64_t kEdges[] = {0,          1,          2,
                                        31,         32,         63,
                                        64,         0x7f,       0x80,
                                        0x8000,     0x7fffffff, 0x80000000,
                                        0xffffffff, 1ull << 32, 0x7fffffffffffffff,
                                        1ull << 63, ~0ull,      0xffffffff80000000};
  std::vector<Pair> operands;
  for (const uint64_t a : kEdges) {
    for (const uint64_t b : kEdges) operands.push_back({a, b});
  }
  std::mt19937_64 random(seed);
  for (unsigned i = 0; i < 400; ++i) operands.push_back({random() >> random() % 64, random() << random() % 64});
  return operands;
}

}  // namespace

TEST_CASE("Zba, Zbb, Zbs: the values of the manual, at both widths") {
  for (const unsigned width : {32u, 64u}) {
    const CoreConfig config = config_of(width);
    for (const Case& c : width == 32 ? cases32() : cases64()) {
      INFO("RV" << width << " " << c.mnemonic << " " << std::hex << c.a << " " << c.b);
      const BitRow& row = row_of(c.mnemonic, width);
      const bool amount = row.second == BitOperand::amount;
      const uint32_t word = row.word(10, 11, amount ? static_cast<uint32_t>(c.b) : 12);
      CHECK(mnemonic_of(word, config.isa) == std::string(c.mnemonic));
      CHECK(in_width(row.model(c.a, c.b, width), width) == c.expected);  // so that the model can be believed
      Machine m(config);
      Program program;
      program << word;
      m.execute(program, 1, [&] {
        m.core->set_x(11, c.a);
        m.core->set_x(12, c.b);
      });
      CHECK(m.core->x(10) == c.expected);
      CHECK(m.core->pc() == Machine::kBase + 4);
      CHECK(m.cycles() == 1);  // as integer arithmetic
      CHECK(m.log.traps.empty());
    }
  }
}

TEST_CASE("Zba, Zbb, Zbs: interpreted and compiled code does what the model does, whatever the registers") {
  // x10 to x17 live in the host's registers while compiled code runs, the others in memory.
  static constexpr Places kPlaces[] = {{10, 11, 12}, {5, 6, 7},   {10, 10, 12}, {12, 11, 12}, {10, 11, 11},
                                       {5, 5, 6},    {6, 5, 6},   {13, 5, 14},  {6, 15, 5},   {11, 0, 12},
                                       {12, 13, 0},  {0, 11, 12}, {17, 17, 17}, {28, 28, 28}};
  uint32_t seed = 0;
  for (const BitRow& row : bit_rows()) {
    const std::vector<Pair> operands = operands_of(++seed);
    for (const unsigned width : {32u, 64u}) {
      if (!row.of_width(width)) continue;
      const bool word = (row.bits & 0x7f) == 0x1b && row.mnemonic != std::string("slli.uw");
      std::vector<uint32_t> amounts = {0};
      if (row.second == BitOperand::amount) amounts = {0, 1, 7, 31};
      if (row.second == BitOperand::amount && width == 64 && !word) amounts.insert(amounts.end(), {32, 33, 63});
      for (const Places& at : kPlaces) {
        for (const uint32_t amount : amounts) {
          for (const bool jit : {false, true}) {
            if (jit && width == 64) continue;  // nothing is compiled
            INFO("RV" << width << " " << row.mnemonic << " x" << at.rd << " x" << at.rs1 << " x" << at.rs2 << " amount "
                      << amount << (jit ? ", compiled" : ", interpreted"));
            check_loop(row, width, jit, at, amount, operands);
          }
        }
      }
    }
  }
}

TEST_CASE("Zba, Zbb, Zbs: each row of the table is tested here, and no two rows of a core have bits in common") {
  for (const unsigned width : {32u, 64u}) {
    std::set<std::string> tested;
    for (const Case& c : width == 32 ? cases32() : cases64()) tested.insert(c.mnemonic);
    size_t extensions = 0;
    const auto table = instruction_table(config_of(width).isa);
    for (const InstructionRow& row : table) {
      if (row.extension == IsaExtension::none) continue;
      ++extensions;
      INFO("RV" << width << " " << row.mnemonic);
      CHECK(tested.count(row.mnemonic) == 1);
      const BitRow& manual = row_of(row.mnemonic, width);
      CHECK(row.match == manual.bits);
      CHECK(row.extension == manual.extension);
      for (const InstructionRow& other : table) {
        if (&other != &row) CHECK(((row.match ^ other.match) & row.mask & other.mask) != 0);
      }
    }
    CHECK(extensions == tested.size());
    CHECK(table.size() == instruction_table(isa_of_width(width)).size() + extensions);
  }
}

TEST_CASE("without its extension an instruction of Zba, Zbb or Zbs is illegal, interpreted and compiled") {
  for (const BitRow& row : bit_rows()) {
    for (const unsigned width : {32u, 64u}) {
      for (unsigned chosen = 0; chosen < 8; ++chosen) {
        for (const bool jit : {false, true}) {
          CoreConfig config = config_of(width, static_cast<IsaExtension>(chosen));
          config.jit = jit ? JitUse::automatic : JitUse::off;
          config.jit_after = 0;
          const bool has = row.of_width(width) && config.isa.has(row.extension);
          const uint32_t word = row.word(10, 11, 12);
          INFO("RV" << width << " with " << chosen << ": " << row.mnemonic);
          CHECK((mnemonic_of(word, config.isa) == std::string("illegal")) == !has);
          Machine m(config);
          Program program;
          program << addi(5, 0, 1) << word << addi(5, 5, 1) << jal(0, 0);
          m.execute(program, 20);
          CHECK(m.log.traps.size() == (has ? 0 : 1));
          CHECK(m.x(5) == (has ? 2 : 1));
          if (has || m.log.traps.empty()) continue;
          CHECK(m.log.traps[0].cause == 2);
          CHECK(m.log.traps[0].pc == Machine::kBase + 4);
          CHECK(m.log.traps[0].value == word);
        }
      }
    }
  }
}

TEST_CASE("RV32 has no amounts of 32 and more, and no word forms") {
  const Isa isa = config_of(32).isa;
  for (const BitRow& row : bit_rows()) {
    INFO(row.mnemonic);
    if (row.second == BitOperand::amount && row.of_width(32)) {
      CHECK(decode(row.word(10, 11, 31), isa).id != InstructionId::ILLEGAL);
      CHECK(decode(row.word(10, 11, 32), isa).id == InstructionId::ILLEGAL);
      CHECK(decode(row.word(10, 11, 63), config_of(64).isa).id != InstructionId::ILLEGAL);
    }
    if (!row.of_width(32)) CHECK(decode(row.word(10, 11, 12), isa).id == InstructionId::ILLEGAL);
  }
  // roriw of 32 and more is reserved.
  CHECK(decode(row_of("roriw", 64).word(10, 11, 32), config_of(64).isa).id == InstructionId::ILLEGAL);
}

TEST_CASE("misa.B says that a core has all of Zba, Zbb and Zbs") {
  for (const unsigned width : {32u, 64u}) {
    for (unsigned chosen = 0; chosen < 8; ++chosen) {
      Machine m(config_of(width, static_cast<IsaExtension>(chosen)));
      INFO("RV" << width << " with " << chosen);
      CHECK((m.csr(csr::kMISA) >> 1 & 1) == (chosen == 7 ? 1 : 0));
    }
  }
}

TEST_CASE("core.isa names each choice of Zba, Zbb and Zbs, in alphabetical order, or b") {
  std::set<std::pair<unsigned, unsigned>> known;
  for (const auto& [name, isa] : isa_choices().names) {
    INFO(name);
    std::string expected = isa.width_bits == 32 ? "rv32imafc" : "rv64imafdc";
    if (isa.has(IsaExtension::zba)) expected += "_zba";
    if (isa.has(IsaExtension::zbb)) expected += "_zbb";
    if (isa.has(IsaExtension::zbs)) expected += "_zbs";
    const bool letter = name == std::string("rv32imafcb") || name == std::string("rv64imafdcb");
    if (letter) CHECK(isa.has(IsaExtension::b));
    if (!letter) CHECK(name == expected);
    known.emplace(isa.width_bits, static_cast<unsigned>(isa.extensions));
  }
  CHECK(known.size() == 16);
}
