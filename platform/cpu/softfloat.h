// IEEE 754-2019 binary arithmetic in integers, with RISC-V's choices: canonical NaN, tininess after rounding.
#pragma once

#include <cstdint>

namespace backboard::softfloat {

/// Rounding modes as in the `rm` field and `frm` (Unprivileged ISA, "F" extension).
enum class Rounding : uint8_t { rne = 0, rtz = 1, rdn = 2, rup = 3, rmm = 4 };

/// Accrued exceptions as in `fflags`.
inline constexpr uint32_t kInexact = 1, kUnderflow = 2, kOverflow = 4, kDivideByZero = 8, kInvalid = 16;

/// A binary interchange format as a type; `Wide` holds a product and some guard bits.
struct Binary32 {
  using Bits = uint32_t;
  using Wide = uint64_t;
  static constexpr int kFractionBits = 23;
  static constexpr int kExponentBits = 8;
};

struct Binary64 {
  using Bits = uint64_t;
  __extension__ using Wide = unsigned __int128;
  static constexpr int kFractionBits = 52;
  static constexpr int kExponentBits = 11;
};

/// What follows from a format's two widths.
template <class F>
struct FormatFacts {
  using Bits = typename F::Bits;
  using Wide = typename F::Wide;
  static constexpr int kWideBits = static_cast<int>(sizeof(Wide) * 8);
  static constexpr int kFraction = F::kFractionBits;
  static constexpr int kBias = (1 << (F::kExponentBits - 1)) - 1;
  static constexpr int kMinExponent = 1 - kBias;
  static constexpr int kMaxField = (1 << F::kExponentBits) - 1;
  static constexpr Bits kSign = Bits{1} << (F::kFractionBits + F::kExponentBits);
  static constexpr Bits kFractionMask = (Bits{1} << F::kFractionBits) - 1;
  static constexpr Bits kInfinity = static_cast<Bits>(kMaxField) << F::kFractionBits;
  static constexpr Bits kQuiet = Bits{1} << (F::kFractionBits - 1);
  static constexpr Bits kCanonicalNan = kInfinity | kQuiet;
};

/// Arithmetic: bits in, bits out; exceptions are or-ed into `flags`.
template <class F>
typename F::Bits add(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags);
template <class F>
typename F::Bits sub(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags);
template <class F>
typename F::Bits mul(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags);
template <class F>
typename F::Bits div(typename F::Bits a, typename F::Bits b, Rounding rounding, uint32_t& flags);
template <class F>
typename F::Bits sqrt(typename F::Bits a, Rounding rounding, uint32_t& flags);
/// a * b + c with one rounding.
template <class F>
typename F::Bits fused_multiply_add(typename F::Bits a, typename F::Bits b, typename F::Bits c, Rounding rounding,
                                    uint32_t& flags);

/// minimumNumber and maximumNumber: -0 is below +0, a NaN operand gives the other one.
template <class F>
typename F::Bits minimum(typename F::Bits a, typename F::Bits b, uint32_t& flags);
template <class F>
typename F::Bits maximum(typename F::Bits a, typename F::Bits b, uint32_t& flags);

/// Comparisons: `equal` is quiet, the others signal on any NaN.
template <class F>
bool equal(typename F::Bits a, typename F::Bits b, uint32_t& flags);
template <class F>
bool less(typename F::Bits a, typename F::Bits b, uint32_t& flags);
template <class F>
bool less_equal(typename F::Bits a, typename F::Bits b, uint32_t& flags);

/// FCLASS's ten-bit mask.
template <class F>
uint32_t classify(typename F::Bits a);

/// Conversion to an integer of `Int`'s width; out of range and NaN saturate with the invalid flag alone.
template <class F, class Int>
Int to_integer(typename F::Bits a, Rounding rounding, uint32_t& flags);
/// Conversion of `magnitude`, negated when `negative`.
template <class F>
typename F::Bits from_magnitude(bool negative, uint64_t magnitude, Rounding rounding, uint32_t& flags);
template <class F>
typename F::Bits from_signed(int64_t value, Rounding rounding, uint32_t& flags) {
  const auto bits = static_cast<uint64_t>(value);
  return from_magnitude<F>(value < 0, value < 0 ? 0 - bits : bits, rounding, flags);
}
/// Conversion from format `From` to format `To`.
template <class To, class From>
typename To::Bits convert(typename From::Bits a, Rounding rounding, uint32_t& flags);

}  // namespace backboard::softfloat
