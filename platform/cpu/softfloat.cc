#include "platform/cpu/softfloat.h"

#include <limits>
#include <utility>

namespace backboard::softfloat {
namespace {

/// A finite non-zero number: significand * 2^exponent. The lowest bit may stand for "and something below".
template <class F>
struct Number {
  bool negative;
  int exponent;
  typename F::Wide significand;
};

template <class F>
struct Fields : FormatFacts<F> {
  using Bits = typename F::Bits;
  using B = FormatFacts<F>;
  static bool negative(Bits a) { return (a & B::kSign) != 0; }
  static bool nan(Bits a) { return (a & ~B::kSign) > B::kInfinity; }
  static bool signaling(Bits a) { return nan(a) && !(a & B::kQuiet); }
  static bool infinite(Bits a) { return (a & ~B::kSign) == B::kInfinity; }
  static bool zero(Bits a) { return (a & ~B::kSign) == 0; }
  static Bits infinity(bool negative_sign) { return B::kInfinity | (negative_sign ? B::kSign : 0); }
  static Bits zero_of(bool negative_sign) { return negative_sign ? B::kSign : Bits{0}; }
};

/// The place of the highest bit of a value that is not zero.
template <class Wide>
int top_bit(Wide value) {
  if constexpr (sizeof(Wide) == 16) {
    if (const auto high = static_cast<uint64_t>(value >> 64)) return 127 - __builtin_clzll(high);
  }
  return 63 - __builtin_clzll(static_cast<uint64_t>(value));
}

/// Shift to the right that keeps "something was lost" in the lowest bit.
template <class Wide>
Wide shift_right_sticky(Wide value, int distance) {
  constexpr int kBits = sizeof(Wide) * 8;
  if (distance <= 0) return value;
  if (distance >= kBits) return value != 0;
  const Wide lost = value & ((Wide{1} << distance) - 1);
  return (value >> distance) | (lost != 0);
}

template <class F>
Number<F> unpack(typename F::Bits a) {
  using X = FormatFacts<F>;
  const int field = static_cast<int>((a & X::kInfinity) >> X::kFraction);
  const typename F::Bits fraction = a & X::kFractionMask;
  const bool negative = (a & X::kSign) != 0;
  if (field == 0) return {negative, X::kMinExponent - X::kFraction, fraction};
  return {negative, field - X::kBias - X::kFraction, fraction | (typename F::Bits{1} << X::kFraction)};
}

/// Moves the top bit to the second highest place of Wide, which leaves one for the carry of an addition.
template <class F>
Number<F> normalised(Number<F> n) {
  const int shift = FormatFacts<F>::kWideBits - 2 - top_bit(n.significand);
  n.significand <<= shift;
  n.exponent -= shift;
  return n;
}

template <class Wide>
struct Rounded {
  Wide kept;
  bool inexact;
};

/// `value` without its lowest `shift` bits, rounded.
template <class Wide>
Rounded<Wide> round_off(Wide value, int shift, bool negative, Rounding rounding) {
  constexpr int kBits = sizeof(Wide) * 8;
  if (shift <= 0) return {static_cast<Wide>(value << -shift), false};
  const Wide kept = shift >= kBits ? Wide{0} : static_cast<Wide>(value >> shift);
  const Wide lost = shift >= kBits ? value : static_cast<Wide>(value & ((Wide{1} << shift) - 1));
  if (lost == 0) return {kept, false};
  // -1: below half, 0: half, 1: above. Beyond the width of Wide everything lies below half.
  int against_half = -1;
  if (shift <= kBits) {
    const Wide half = Wide{1} << (shift - 1);
    against_half = lost < half ? -1 : lost > half;
  }
  bool up = false;
  switch (rounding) {
    case Rounding::rne:
      up = against_half > 0 || (against_half == 0 && (kept & 1));
      break;
    case Rounding::rtz:
      break;
    case Rounding::rdn:
      up = negative;
      break;
    case Rounding::rup:
      up = !negative;
      break;
    case Rounding::rmm:
      up = against_half >= 0;
      break;
  }
  return {static_cast<Wide>(kept + up), true};
}

template <class F>
typename F::Bits overflowed(bool negative, Rounding rounding, uint32_t& flags) {
  using X = FormatFacts<F>;
  flags |= kOverflow | kInexact;
  const bool to_infinity = rounding == Rounding::rne || rounding == Rounding::rmm ||
                           (rounding == Rounding::rdn && negative) || (rounding == Rounding::rup && !negative);
  return (negative ? X::kSign : 0) | (to_infinity ? X::kInfinity : X::kInfinity - 1);
}

/// The one place where results are rounded and packed. The significand is not zero.
template <class F>
typename F::Bits round_pack(const Number<F>& n, Rounding rounding, uint32_t& flags) {
  using X = FormatFacts<F>;
  using Bits = typename F::Bits;
  const int top_exponent = n.exponent + top_bit(n.significand);
  const bool small = top_exponent < X::kMinExponent;
  const int last_exponent = (small ? X::kMinExponent : top_exponent) - X::kFraction;
  const auto result = round_off(n.significand, last_exponent - n.exponent, n.negative, rounding);
  if (result.inexact) flags |= kInexact;
  if (small && result.inexact) {
    // Tiny after rounding: rounded to full precision with an unbounded exponent, it still lies below the least normal.
    const int free_last = top_exponent - X::kFraction;
    const auto free = round_off(n.significand, free_last - n.exponent, n.negative, rounding);
    const bool reaches_normal = top_exponent == X::kMinExponent - 1 && (free.kept >> (X::kFraction + 1)) != 0;
    if (!reaches_normal) flags |= kUnderflow;
  }
  const int field = small ? 0 : top_exponent + X::kBias - 1;  // the hidden bit adds the missing one
  if (field >= X::kMaxField - 1) return overflowed<F>(n.negative, rounding, flags);
  const Bits magnitude = static_cast<Bits>((static_cast<Bits>(field) << X::kFraction) + static_cast<Bits>(result.kept));
  if (magnitude >= X::kInfinity) return overflowed<F>(n.negative, rounding, flags);
  return magnitude | (n.negative ? X::kSign : 0);
}

template <class F>
typename F::Bits nan_result(bool invalid, uint32_t& flags) {
  if (invalid) flags |= kInvalid;
  return FormatFacts<F>::kCanonicalNan;
}

/// The sum of two finite non-zero numbers.
template <class F>
typename F::Bits add_numbers(Number<F> a, Number<F> b, Rounding rounding, uint32_t& flags) {
  a = normalised(a);
  b = normalised(b);
  if (a.exponent < b.exponent || (a.exponent == b.exponent && a.significand < b.significand)) std::swap(a, b);
  b.significand = shift_right_sticky(b.significand, a.exponent - b.exponent);
  if (a.negative == b.negative) {
    a.significand += b.significand;
  } else {
    a.significand -= b.significand;
  }
  if (a.significand == 0) return Fields<F>::zero_of(rounding == Rounding::rdn);
  return round_pack(a, rounding, flags);
}

template <class Wide>
Wide integer_square_root(Wide value, bool& exact) {
  Wide root = 0;
  Wide bit = Wide{1} << (sizeof(Wide) * 8 - 2);
  while (bit > value) bit >>= 2;
  for (; bit != 0; bit >>= 2) {
    if (value >= root + bit) {
      value -= root + bit;
      root = (root >> 1) + bit;
    } else {
      root >>= 1;
    }
  }
  exact = value == 0;
  return root;
}

}  // namespace

template <class F>
typename F::Bits add(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags) {
  using X = Fields<F>;
  if (X::nan(a) || X::nan(b)) return nan_result<F>(X::signaling(a) || X::signaling(b), flags);
  if (X::infinite(a)) return X::infinite(b) && a != b ? nan_result<F>(true, flags) : a;
  if (X::infinite(b)) return b;
  if (X::zero(a) && X::zero(b)) return a == b ? a : X::zero_of(rounding == Rounding::rdn);
  if (X::zero(a)) return b;
  if (X::zero(b)) return a;
  return add_numbers<F>(unpack<F>(a), unpack<F>(b), rounding, flags);
}

template <class F>
typename F::Bits sub(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags) {
  using X = Fields<F>;
  return add<F>(a, X::nan(b) ? b : b ^ X::kSign, rounding, flags);
}

template <class F>
typename F::Bits mul(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags) {
  using X = Fields<F>;
  if (X::nan(a) || X::nan(b)) return nan_result<F>(X::signaling(a) || X::signaling(b), flags);
  const bool negative = X::negative(a) != X::negative(b);
  if (X::infinite(a) || X::infinite(b)) {
    return X::zero(a) || X::zero(b) ? nan_result<F>(true, flags) : X::infinity(negative);
  }
  if (X::zero(a) || X::zero(b)) return X::zero_of(negative);
  const Number<F> m = unpack<F>(a);
  const Number<F> n = unpack<F>(b);
  return round_pack<F>({negative, m.exponent + n.exponent, m.significand * n.significand}, rounding, flags);
}

template <class F>
typename F::Bits div(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags) {
  using X = Fields<F>;
  if (X::nan(a) || X::nan(b)) return nan_result<F>(X::signaling(a) || X::signaling(b), flags);
  const bool negative = X::negative(a) != X::negative(b);
  if (X::infinite(a)) return X::infinite(b) ? nan_result<F>(true, flags) : X::infinity(negative);
  if (X::infinite(b)) return X::zero_of(negative);
  if (X::zero(b)) {
    if (X::zero(a)) return nan_result<F>(true, flags);
    flags |= kDivideByZero;
    return X::infinity(negative);
  }
  if (X::zero(a)) return X::zero_of(negative);
  const Number<F> m = normalised(unpack<F>(a));
  const Number<F> n = unpack<F>(b);
  typename F::Wide quotient = m.significand / n.significand;
  if (m.significand % n.significand != 0) quotient |= 1;
  return round_pack<F>({negative, m.exponent - n.exponent, quotient}, rounding, flags);
}

template <class F>
typename F::Bits sqrt(typename F::Bits a, Rounding rounding, uint32_t& flags) {
  using X = Fields<F>;
  if (X::nan(a)) return nan_result<F>(X::signaling(a), flags);
  if (X::zero(a)) return a;
  if (X::negative(a)) return nan_result<F>(true, flags);
  if (X::infinite(a)) return a;
  Number<F> n = normalised(unpack<F>(a));
  if (n.exponent % 2 != 0) {
    n.significand <<= 1;
    n.exponent -= 1;
  }
  bool exact = false;
  const typename F::Wide root = integer_square_root(n.significand, exact);
  // One more bit below the root says whether something was left; half of an ulp can never be hit exactly.
  return round_pack<F>({false, n.exponent / 2 - 1, static_cast<typename F::Wide>(root << 1 | !exact)}, rounding, flags);
}

template <class F>
typename F::Bits fused_multiply_add(typename F::Bits a, typename F::Bits b, typename F::Bits c, Rounding rounding,
                                    uint32_t& flags) {
  using X = Fields<F>;
  const bool product_invalid = (X::infinite(a) && X::zero(b)) || (X::zero(a) && X::infinite(b));
  if (X::nan(a) || X::nan(b) || X::nan(c) || product_invalid) {
    return nan_result<F>(product_invalid || X::signaling(a) || X::signaling(b) || X::signaling(c), flags);
  }
  const bool negative = X::negative(a) != X::negative(b);
  if (X::infinite(a) || X::infinite(b)) {
    return X::infinite(c) && X::negative(c) != negative ? nan_result<F>(true, flags) : X::infinity(negative);
  }
  if (X::infinite(c)) return c;
  if (X::zero(a) || X::zero(b)) {
    if (!X::zero(c)) return c;
    return X::negative(c) == negative ? c : X::zero_of(rounding == Rounding::rdn);
  }
  const Number<F> m = unpack<F>(a);
  const Number<F> n = unpack<F>(b);
  const Number<F> product{negative, m.exponent + n.exponent, m.significand * n.significand};
  if (X::zero(c)) return round_pack<F>(product, rounding, flags);
  return add_numbers<F>(product, unpack<F>(c), rounding, flags);
}

template <class F>
bool less(typename F::Bits a, typename F::Bits b, uint32_t& flags) {
  using X = Fields<F>;
  if (X::nan(a) || X::nan(b)) {
    flags |= kInvalid;
    return false;
  }
  if (X::zero(a) && X::zero(b)) return false;
  if (X::negative(a) != X::negative(b)) return X::negative(a);
  return X::negative(a) ? a > b : a < b;
}

template <class F>
bool less_equal(typename F::Bits a, typename F::Bits b, uint32_t& flags) {
  using X = Fields<F>;
  if (X::nan(a) || X::nan(b)) {
    flags |= kInvalid;
    return false;
  }
  return !less<F>(b, a, flags);
}

template <class F>
bool equal(typename F::Bits a, typename F::Bits b, uint32_t& flags) {
  using X = Fields<F>;
  if (X::signaling(a) || X::signaling(b)) flags |= kInvalid;
  if (X::nan(a) || X::nan(b)) return false;
  return a == b || (X::zero(a) && X::zero(b));
}

namespace {
template <class F>
typename F::Bits extremum(typename F::Bits a, typename F::Bits b, bool want_less, uint32_t& flags) {
  using X = Fields<F>;
  if (X::signaling(a) || X::signaling(b)) flags |= kInvalid;
  if (X::nan(a) && X::nan(b)) return X::kCanonicalNan;
  if (X::nan(a)) return b;
  if (X::nan(b)) return a;
  const bool a_first = X::zero(a) && X::zero(b) ? X::negative(a) : less<F>(a, b, flags);
  return a_first == want_less ? a : b;
}
}  // namespace

template <class F>
typename F::Bits minimum(typename F::Bits a, typename F::Bits b, uint32_t& flags) {
  return extremum<F>(a, b, true, flags);
}

template <class F>
typename F::Bits maximum(typename F::Bits a, typename F::Bits b, uint32_t& flags) {
  return extremum<F>(a, b, false, flags);
}

template <class F>
uint32_t classify(typename F::Bits a) {
  using X = Fields<F>;
  if (X::nan(a)) return X::signaling(a) ? 1u << 8 : 1u << 9;
  const bool negative = X::negative(a);
  if (X::infinite(a)) return negative ? 1u << 0 : 1u << 7;
  if (X::zero(a)) return negative ? 1u << 3 : 1u << 4;
  const bool subnormal = (a & X::kInfinity) == 0;
  if (subnormal) return negative ? 1u << 2 : 1u << 5;
  return negative ? 1u << 1 : 1u << 6;
}

template <class F, class Int>
Int to_integer(typename F::Bits a, Rounding rounding, uint32_t& flags) {
  using X = Fields<F>;
  using Limits = std::numeric_limits<Int>;
  if (X::nan(a)) {
    flags |= kInvalid;
    return Limits::max();
  }
  if (X::zero(a)) return 0;
  const bool negative = X::negative(a);
  const Int saturated = negative ? Limits::min() : Limits::max();
  const Number<F> n = unpack<F>(a);
  if (X::infinite(a) || n.exponent + top_bit(n.significand) > 63) {
    flags |= kInvalid;
    return saturated;
  }
  const auto rounded = round_off<uint64_t>(static_cast<uint64_t>(n.significand), -n.exponent, negative, rounding);
  const uint64_t largest = negative ? uint64_t{0} - static_cast<uint64_t>(static_cast<int64_t>(Limits::min()))
                                    : static_cast<uint64_t>(Limits::max());
  if (rounded.kept > largest) {
    flags |= kInvalid;
    return saturated;
  }
  if (rounded.inexact) flags |= kInexact;
  return static_cast<Int>(negative ? uint64_t{0} - rounded.kept : rounded.kept);
}

template <class F>
typename F::Bits from_magnitude(bool negative, uint64_t magnitude, Rounding rounding, uint32_t& flags) {
  if (magnitude == 0) return 0;
  return round_pack<F>({negative, 0, magnitude}, rounding, flags);
}

template <class To, class From>
typename To::Bits convert(typename From::Bits a, Rounding rounding, uint32_t& flags) {
  using X = Fields<From>;
  using Y = Fields<To>;
  if (X::nan(a)) return nan_result<To>(X::signaling(a), flags);
  if (X::infinite(a)) return Y::infinity(X::negative(a));
  if (X::zero(a)) return Y::zero_of(X::negative(a));
  const Number<From> n = unpack<From>(a);
  return round_pack<To>({n.negative, n.exponent, static_cast<typename To::Wide>(n.significand)}, rounding, flags);
}

#define FORMAT(F)                                                                         \
  template F::Bits add<F>(F::Bits, F::Bits, Rounding, uint32_t&);                         \
  template F::Bits sub<F>(F::Bits, F::Bits, Rounding, uint32_t&);                         \
  template F::Bits mul<F>(F::Bits, F::Bits, Rounding, uint32_t&);                         \
  template F::Bits div<F>(F::Bits, F::Bits, Rounding, uint32_t&);                         \
  template F::Bits sqrt<F>(F::Bits, Rounding, uint32_t&);                                 \
  template F::Bits fused_multiply_add<F>(F::Bits, F::Bits, F::Bits, Rounding, uint32_t&); \
  template F::Bits minimum<F>(F::Bits, F::Bits, uint32_t&);                               \
  template F::Bits maximum<F>(F::Bits, F::Bits, uint32_t&);                               \
  template bool equal<F>(F::Bits, F::Bits, uint32_t&);                                    \
  template bool less<F>(F::Bits, F::Bits, uint32_t&);                                     \
  template bool less_equal<F>(F::Bits, F::Bits, uint32_t&);                               \
  template uint32_t classify<F>(F::Bits);                                                 \
  template int32_t to_integer<F, int32_t>(F::Bits, Rounding, uint32_t&);                  \
  template uint32_t to_integer<F, uint32_t>(F::Bits, Rounding, uint32_t&);                \
  template int64_t to_integer<F, int64_t>(F::Bits, Rounding, uint32_t&);                  \
  template uint64_t to_integer<F, uint64_t>(F::Bits, Rounding, uint32_t&);                \
  template F::Bits from_magnitude<F>(bool, uint64_t, Rounding, uint32_t&);
FORMAT(Binary32)
FORMAT(Binary64)
#undef FORMAT
template uint32_t convert<Binary32, Binary64>(uint64_t, Rounding, uint32_t&);
template uint64_t convert<Binary64, Binary32>(uint32_t, Rounding, uint32_t&);

}  // namespace backboard::softfloat
