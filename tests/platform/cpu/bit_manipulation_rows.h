// Zba, Zbb and Zbs, written from the manual and not from the simulator's table: encodings, and what they compute, one
// bit after the other.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/cpu/isa.h"
#include "tests/support/rv_asm.h"

namespace backboard::test {

/// The operand beside rs1.
enum class BitOperand : uint8_t { rs2, amount, none };

struct BitRow {
  const char* mnemonic;
  IsaExtension extension;
  unsigned widths;  ///< 32, 64, or 96 for both
  BitOperand second;
  uint32_t bits;  ///< without operands
  /// The result for registers of `width` bits, of which the caller takes that many. Operands have zeros above them.
  uint64_t (*model)(uint64_t a, uint64_t b, unsigned width);

  bool of_width(unsigned width) const { return (widths & width) != 0; }
  uint32_t word(uint32_t rd, uint32_t rs1, uint32_t rs2_or_amount) const {
    return bits | rd << 7 | rs1 << 15 | (second == BitOperand::none ? 0 : rs2_or_amount << 20);
  }
};

namespace bit_model {

inline bool bit(uint64_t value, unsigned index) {
  return (value >> index & 1) != 0;
}
/// Bit i of the result is `choose(i)`.
template <class F>
uint64_t each_bit(unsigned width, F choose) {
  uint64_t result = 0;
  for (unsigned i = 0; i < width; ++i) result |= uint64_t{choose(i)} << i;
  return result;
}
/// Byte i of the result is `choose(i)`.
template <class F>
uint64_t each_byte(unsigned width, F choose) {
  uint64_t result = 0;
  for (unsigned i = 0; i < width / 8; ++i) result |= uint64_t{choose(i)} << (8 * i);
  return result;
}
inline uint8_t byte(uint64_t value, unsigned index) {
  return static_cast<uint8_t>(value >> (8 * index));
}
/// The sign, bit `from` - 1, in all bits above.
inline uint64_t extended(uint64_t value, unsigned from) {
  return each_bit(64, [&](unsigned i) { return bit(value, i < from ? i : from - 1); });
}
inline bool less(uint64_t a, uint64_t b, unsigned width) {
  const bool a_negative = bit(a, width - 1), b_negative = bit(b, width - 1);
  return a_negative != b_negative ? a_negative : a < b;
}
inline uint64_t leading_zeros(uint64_t a, unsigned width) {
  unsigned count = 0;
  while (count < width && !bit(a, width - 1 - count)) ++count;
  return count;
}
inline uint64_t trailing_zeros(uint64_t a, unsigned width) {
  unsigned count = 0;
  while (count < width && !bit(a, count)) ++count;
  return count;
}
inline uint64_t ones(uint64_t a, unsigned width) {
  unsigned count = 0;
  for (unsigned i = 0; i < width; ++i) count += bit(a, i);
  return count;
}
inline uint64_t left(uint64_t a, uint64_t amount, unsigned width) {
  return each_bit(width,
                  [&](unsigned i) { return bit(a, static_cast<unsigned>((i + width - amount % width) % width)); });
}
inline uint64_t right(uint64_t a, uint64_t amount, unsigned width) {
  return each_bit(width, [&](unsigned i) { return bit(a, static_cast<unsigned>((i + amount) % width)); });
}

}  // namespace bit_model

/// Every row of the manual's listing for the three extensions.
inline const std::vector<BitRow>& bit_rows() {
  using namespace bit_model;
  using enum BitOperand;
  constexpr IsaExtension zba = IsaExtension::zba, zbb = IsaExtension::zbb, zbs = IsaExtension::zbs;
  constexpr uint64_t kWord = 0xffffffff;
  const auto R = [](uint32_t op, uint32_t f7, uint32_t f3) { return rv::r_type(op, f3, f7, 0, 0, 0); };
  const auto I = [](uint32_t op, uint32_t imm, uint32_t f3) { return op | f3 << 12 | imm << 20; };
#define MODEL(expression) \
  [](uint64_t a, [[maybe_unused]] uint64_t b, [[maybe_unused]] unsigned width) -> uint64_t { return expression; }
  static const std::vector<BitRow> rows = {
      {"sh1add", zba, 96, rs2, R(0x33, 0x10, 2), MODEL(2 * a + b)},
      {"sh2add", zba, 96, rs2, R(0x33, 0x10, 4), MODEL(4 * a + b)},
      {"sh3add", zba, 96, rs2, R(0x33, 0x10, 6), MODEL(8 * a + b)},
      {"add.uw", zba, 64, rs2, R(0x3b, 0x04, 0), MODEL(a % (kWord + 1) + b)},
      {"sh1add.uw", zba, 64, rs2, R(0x3b, 0x10, 2), MODEL(2 * (a % (kWord + 1)) + b)},
      {"sh2add.uw", zba, 64, rs2, R(0x3b, 0x10, 4), MODEL(4 * (a % (kWord + 1)) + b)},
      {"sh3add.uw", zba, 64, rs2, R(0x3b, 0x10, 6), MODEL(8 * (a % (kWord + 1)) + b)},
      {"slli.uw", zba, 64, amount, I(0x1b, 0x080, 1),
       MODEL(
           each_bit(width, [&](unsigned i) { return i >= b && i - b < 32 && bit(a, static_cast<unsigned>(i - b)); }))},
      {"andn", zbb, 96, rs2, R(0x33, 0x20, 7),
       MODEL(each_bit(width, [&](unsigned i) { return bit(a, i) && !bit(b, i); }))},
      {"orn", zbb, 96, rs2, R(0x33, 0x20, 6),
       MODEL(each_bit(width, [&](unsigned i) { return bit(a, i) || !bit(b, i); }))},
      {"xnor", zbb, 96, rs2, R(0x33, 0x20, 4),
       MODEL(each_bit(width, [&](unsigned i) { return bit(a, i) == bit(b, i); }))},
      {"clz", zbb, 96, none, I(0x13, 0x600, 1), MODEL(leading_zeros(a, width))},
      {"ctz", zbb, 96, none, I(0x13, 0x601, 1), MODEL(trailing_zeros(a, width))},
      {"cpop", zbb, 96, none, I(0x13, 0x602, 1), MODEL(ones(a, width))},
      {"clzw", zbb, 64, none, I(0x1b, 0x600, 1), MODEL(leading_zeros(a, 32))},
      {"ctzw", zbb, 64, none, I(0x1b, 0x601, 1), MODEL(trailing_zeros(a, 32))},
      {"cpopw", zbb, 64, none, I(0x1b, 0x602, 1), MODEL(ones(a, 32))},
      {"min", zbb, 96, rs2, R(0x33, 0x05, 4), MODEL(less(a, b, width) ? a : b)},
      {"minu", zbb, 96, rs2, R(0x33, 0x05, 5), MODEL(a < b ? a : b)},
      {"max", zbb, 96, rs2, R(0x33, 0x05, 6), MODEL(less(a, b, width) ? b : a)},
      {"maxu", zbb, 96, rs2, R(0x33, 0x05, 7), MODEL(a < b ? b : a)},
      {"sext.b", zbb, 96, none, I(0x13, 0x604, 1), MODEL(extended(a, 8))},
      {"sext.h", zbb, 96, none, I(0x13, 0x605, 1), MODEL(extended(a, 16))},
      {"zext.h", zbb, 32, none, I(0x33, 0x080, 4), MODEL(a % 0x10000)},
      {"zext.h", zbb, 64, none, I(0x3b, 0x080, 4), MODEL(a % 0x10000)},
      {"rol", zbb, 96, rs2, R(0x33, 0x30, 1), MODEL(left(a, b, width))},
      {"ror", zbb, 96, rs2, R(0x33, 0x30, 5), MODEL(right(a, b, width))},
      {"rori", zbb, 96, amount, I(0x13, 0x600, 5), MODEL(right(a, b, width))},
      {"rolw", zbb, 64, rs2, R(0x3b, 0x30, 1), MODEL(extended(left(a, b, 32), 32))},
      {"rorw", zbb, 64, rs2, R(0x3b, 0x30, 5), MODEL(extended(right(a, b, 32), 32))},
      {"roriw", zbb, 64, amount, I(0x1b, 0x600, 5), MODEL(extended(right(a, b, 32), 32))},
      {"orc.b", zbb, 96, none, I(0x13, 0x287, 5),
       MODEL(each_byte(width, [&](unsigned i) { return byte(a, i) ? 0xffu : 0u; }))},
      {"rev8", zbb, 32, none, I(0x13, 0x698, 5), MODEL(each_byte(width, [&](unsigned i) { return byte(a, 3 - i); }))},
      {"rev8", zbb, 64, none, I(0x13, 0x6b8, 5), MODEL(each_byte(width, [&](unsigned i) { return byte(a, 7 - i); }))},
      {"bclr", zbs, 96, rs2, R(0x33, 0x24, 1),
       MODEL(each_bit(width, [&](unsigned i) { return i != b % width && bit(a, i); }))},
      {"bclri", zbs, 96, amount, I(0x13, 0x480, 1),
       MODEL(each_bit(width, [&](unsigned i) { return i != b && bit(a, i); }))},
      {"bext", zbs, 96, rs2, R(0x33, 0x24, 5), MODEL(bit(a, static_cast<unsigned>(b % width)))},
      {"bexti", zbs, 96, amount, I(0x13, 0x480, 5), MODEL(bit(a, static_cast<unsigned>(b)))},
      {"binv", zbs, 96, rs2, R(0x33, 0x34, 1),
       MODEL(each_bit(width, [&](unsigned i) { return (i == b % width) != bit(a, i); }))},
      {"binvi", zbs, 96, amount, I(0x13, 0x680, 1),
       MODEL(each_bit(width, [&](unsigned i) { return (i == b) != bit(a, i); }))},
      {"bset", zbs, 96, rs2, R(0x33, 0x14, 1),
       MODEL(each_bit(width, [&](unsigned i) { return i == b % width || bit(a, i); }))},
      {"bseti", zbs, 96, amount, I(0x13, 0x280, 1),
       MODEL(each_bit(width, [&](unsigned i) { return i == b || bit(a, i); }))},
  };
#undef MODEL
  return rows;
}

}  // namespace backboard::test
