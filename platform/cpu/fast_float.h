// Binary32 and binary64 arithmetic on the host's units where that provably gives softfloat's result and flags; else
// softfloat.
#pragma once

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

#include "platform/cpu/softfloat.h"

namespace backboard::fast_float {

using softfloat::Binary32;
using softfloat::Binary64;
using softfloat::Rounding;

inline float number(uint32_t bits) {
  return std::bit_cast<float>(bits);
}
inline double number(uint64_t bits) {
  return std::bit_cast<double>(bits);
}

/// Neither infinite nor NaN, and neither subnormal nor zero: the result of a fast operation may be used only if it
/// rounded to such a number (overflow and underflow are softfloat's).
template <class Float>
bool plain(Float value) {
  const Float magnitude = std::fabs(value);
  return magnitude > std::numeric_limits<Float>::min() && magnitude <= std::numeric_limits<Float>::max();
}

/// The host rounds to nearest even; a double has more than twice the digits of a float plus two, so that rounding
/// an operation's double result again gives the correctly rounded float (Figueroa, "When is double rounding
/// innocuous?", 1995). A NaN or an infinity among the operands never leaves a plain result of finite operands: sums
/// and products of them are not plain, and quotients by infinity are zero.
inline uint32_t add(uint32_t a, uint32_t b, Rounding rounding, uint32_t& flags) {
  const double x = number(a), y = number(b);
  const double sum = x + y;
  const auto result = static_cast<float>(sum);
  if (rounding == Rounding::rne && plain(result)) [[likely]] {
    // Exact when the float gives each operand back (differences of a double and a float nearby are exact).
    const double exact = result;
    if (exact - x != y || exact - y != x) flags |= softfloat::kInexact;
    return std::bit_cast<uint32_t>(result);
  }
  return softfloat::add<Binary32>(a, b, rounding, flags);
}

inline uint32_t sub(uint32_t a, uint32_t b, Rounding rounding, uint32_t& flags) {
  const uint32_t negated = b ^ 0x80000000u;
  if (plain(number(b))) return add(a, negated, rounding, flags);
  return softfloat::sub<Binary32>(a, b, rounding, flags);
}

inline uint32_t mul(uint32_t a, uint32_t b, Rounding rounding, uint32_t& flags) {
  const double product = static_cast<double>(number(a)) * static_cast<double>(number(b));  // exact: 48 bits
  const auto result = static_cast<float>(product);
  if (rounding == Rounding::rne && plain(result)) [[likely]] {
    if (static_cast<double>(result) != product) flags |= softfloat::kInexact;
    return std::bit_cast<uint32_t>(result);
  }
  return softfloat::mul<Binary32>(a, b, rounding, flags);
}

inline uint32_t div(uint32_t a, uint32_t b, Rounding rounding, uint32_t& flags) {
  const double x = number(a), y = number(b);
  const auto result = static_cast<float>(x / y);
  if (rounding == Rounding::rne && plain(result)) [[likely]] {
    if (static_cast<double>(result) * y != x) flags |= softfloat::kInexact;  // the product is exact: 48 bits
    return std::bit_cast<uint32_t>(result);
  }
  return softfloat::div<Binary32>(a, b, rounding, flags);
}

inline uint32_t sqrt(uint32_t a, Rounding rounding, uint32_t& flags) {
  const double x = number(a);
  if (rounding == Rounding::rne && x > 0 && plain(number(a))) [[likely]] {
    const auto result = static_cast<float>(std::sqrt(x));
    if (static_cast<double>(result) * static_cast<double>(result) != x) flags |= softfloat::kInexact;
    return std::bit_cast<uint32_t>(result);
  }
  return softfloat::sqrt<Binary32>(a, rounding, flags);
}

/// a * b + c: the product is exact in double, the sum is rounded to odd there, which makes the second rounding
/// correct (Boldo and Melquiond, "Emulation of FMA and correctly rounded sums", 2008).
inline uint32_t fused_multiply_add(uint32_t a, uint32_t b, uint32_t c, Rounding rounding, uint32_t& flags) {
  const double product = static_cast<double>(number(a)) * static_cast<double>(number(b));
  const double addend = number(c);
  double sum = product + addend;
  const double addend_part = sum - product;
  const double error = (product - (sum - addend_part)) + (addend - addend_part);  // Knuth's TwoSum: exact
  if (error != 0) {
    auto bits = std::bit_cast<uint64_t>(sum);
    if ((bits & 1) == 0) bits += (error > 0) == (sum > 0) ? 1 : -1;
    sum = std::bit_cast<double>(bits);
  }
  const auto result = static_cast<float>(sum);
  if (rounding == Rounding::rne && plain(result)) [[likely]] {
    if (static_cast<double>(result) != sum) flags |= softfloat::kInexact;
    return std::bit_cast<uint32_t>(result);
  }
  return softfloat::fused_multiply_add<Binary32>(a, b, c, rounding, flags);
}

// Binary64. The host rounds to nearest even, and inexactness is worked out beside: there is no wider format to look at.

/// Significand of a normal number, an integer of 53 bits.
inline uint64_t significand(uint64_t bits) {
  return (bits & softfloat::FormatFacts<Binary64>::kFractionMask) | uint64_t{1} << 52;
}
/// a * b as integers of 53 bits.
__extension__ using Product = unsigned __int128;
inline Product product_of(uint64_t a, uint64_t b) {
  return static_cast<Product>(significand(a)) * significand(b);
}

/// The error of a rounded sum is a number itself, unless something overflowed on the way (Knuth's TwoSum).
inline uint64_t add(uint64_t a, uint64_t b, Rounding rounding, uint32_t& flags) {
  const double x = number(a), y = number(b);
  const double sum = x + y;
  if (rounding == Rounding::rne && plain(sum) && std::fabs(sum) < 0x1p1022) [[likely]] {
    const double y_part = sum - x;
    const double error = (x - (sum - y_part)) + (y - y_part);
    if (error != 0) flags |= softfloat::kInexact;
    return std::bit_cast<uint64_t>(sum);
  }
  return softfloat::add<Binary64>(a, b, rounding, flags);
}

inline uint64_t sub(uint64_t a, uint64_t b, Rounding rounding, uint32_t& flags) {
  if (plain(number(b))) return add(a, b ^ softfloat::FormatFacts<Binary64>::kSign, rounding, flags);
  return softfloat::sub<Binary64>(a, b, rounding, flags);
}

/// The product of two integers of 53 bits has 105 or 106, of which the upper 53 stay.
inline uint64_t mul(uint64_t a, uint64_t b, Rounding rounding, uint32_t& flags) {
  const double x = number(a), y = number(b), result = x * y;
  if (rounding == Rounding::rne && plain(x) && plain(y) && plain(result)) [[likely]] {
    const Product product = product_of(a, b);
    const unsigned lost_bits = product >> 105 ? 53 : 52;
    if (static_cast<uint64_t>(product) & ((uint64_t{1} << lost_bits) - 1)) flags |= softfloat::kInexact;
    return std::bit_cast<uint64_t>(result);
  }
  return softfloat::mul<Binary64>(a, b, rounding, flags);
}

/// Exact when the quotient times the divisor is the dividend: a power of two between integers says nothing.
inline uint64_t div(uint64_t a, uint64_t b, Rounding rounding, uint32_t& flags) {
  const double x = number(a), y = number(b), result = x / y;
  if (rounding == Rounding::rne && plain(x) && plain(y) && plain(result)) [[likely]] {
    const Product product = product_of(std::bit_cast<uint64_t>(result), b), dividend = significand(a);
    if (product != dividend << 52 && product != dividend << 53) flags |= softfloat::kInexact;
    return std::bit_cast<uint64_t>(result);
  }
  return softfloat::div<Binary64>(a, b, rounding, flags);
}

inline uint64_t sqrt(uint64_t a, Rounding rounding, uint32_t& flags) {
  const double x = number(a);
  if (rounding == Rounding::rne && x > 0 && plain(x)) [[likely]] {
    const auto result = std::bit_cast<uint64_t>(std::sqrt(x));
    const Product product = product_of(result, result), radicand = significand(a);
    if (product != radicand << 52 && product != radicand << 53) flags |= softfloat::kInexact;
    return result;
  }
  return softfloat::sqrt<Binary64>(a, rounding, flags);
}

}  // namespace backboard::fast_float
