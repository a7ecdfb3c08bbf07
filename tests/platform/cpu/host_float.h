// The host's floating-point unit as a reference for softfloat: binary32 and binary64 in four rounding modes, with
// flags. Files that include this are compiled with -frounding-math -ftrapping-math.
#pragma once

#include <bit>
#include <catch2/catch.hpp>
#include <cfenv>
#include <cmath>
#include <cstdint>
#include <ostream>
#include <random>
#include <type_traits>

#include "platform/cpu/softfloat.h"

namespace backboard::host_float {

using softfloat::Rounding;

/// Pairs of operands that each comparison tries.
inline constexpr int kPairs = 400'000;

inline constexpr Rounding kHostRoundings[] = {Rounding::rne, Rounding::rtz, Rounding::rdn, Rounding::rup};
inline constexpr Rounding kAllRoundings[] = {Rounding::rne, Rounding::rtz, Rounding::rdn, Rounding::rup, Rounding::rmm};

/// The host's type of a format, its bits, and the canonical NaN of RISC-V.
template <class Format>
struct Host;
template <>
struct Host<softfloat::Binary32> {
  using Float = float;
  using Bits = uint32_t;
  static constexpr Bits kNan = 0x7fc00000, kInfinity = 0x7f800000, kSign = 0x80000000;
};
template <>
struct Host<softfloat::Binary64> {
  using Float = double;
  using Bits = uint64_t;
  static constexpr Bits kNan = 0x7ff8000000000000, kInfinity = 0x7ff0000000000000, kSign = Bits{1} << 63;
};

template <class Format>
typename Host<Format>::Float number(typename Host<Format>::Bits bits) {
  return std::bit_cast<typename Host<Format>::Float>(bits);
}

/// What an operation leaves: its value and the flags that it raised.
struct Result {
  uint64_t bits;
  uint32_t flags;
  bool operator==(const Result& other) const { return bits == other.bits && flags == other.flags; }
};
inline std::ostream& operator<<(std::ostream& out, const Result& r) {
  return out << std::hex << r.bits << " flags " << r.flags;
}

inline int host_mode(Rounding rounding) {
  switch (rounding) {
    case Rounding::rtz:
      return FE_TOWARDZERO;
    case Rounding::rdn:
      return FE_DOWNWARD;
    case Rounding::rup:
      return FE_UPWARD;
    default:
      return FE_TONEAREST;
  }
}

inline uint32_t host_flags() {
  const int raised = std::fetestexcept(FE_ALL_EXCEPT);
  return (raised & FE_INEXACT ? softfloat::kInexact : 0u) | (raised & FE_UNDERFLOW ? softfloat::kUnderflow : 0u) |
         (raised & FE_OVERFLOW ? softfloat::kOverflow : 0u) | (raised & FE_DIVBYZERO ? softfloat::kDivideByZero : 0u) |
         (raised & FE_INVALID ? softfloat::kInvalid : 0u);
}

/// The operation on the host's unit in `rounding` (which x86 and Arm round as IEEE 754 says, tininess after rounding
/// on x86); a NaN is made canonical.
template <class Operation>
Result on_host(Rounding rounding, Operation operation) {
  using Float = decltype(operation());
  using Format = std::conditional_t<std::is_same_v<Float, float>, softfloat::Binary32, softfloat::Binary64>;
  std::fesetround(host_mode(rounding));
  std::feclearexcept(FE_ALL_EXCEPT);
  const volatile Float result = operation();
  const uint32_t flags = host_flags();
  std::fesetround(FE_TONEAREST);
  const Float value = result;
  return {std::isnan(value) ? Host<Format>::kNan : std::bit_cast<typename Host<Format>::Bits>(value), flags};
}

template <class Operation>
Result run(Operation operation) {
  Result result{0, 0};
  result.bits = operation(result.flags);
  return result;
}

/// Counts disagreements and shows the first.
class Comparison {
 public:
  void expect(const char* what, Rounding rounding, uint64_t a, uint64_t b, uint64_t c, Result found, Result expected) {
    ++count;
    if (found == expected || failures++) return;
    UNSCOPED_INFO(what << " mode " << static_cast<int>(rounding) << std::hex << ": " << a << ", " << b << ", " << c
                       << ": found " << found << ", expected " << expected);
  }
  uint64_t count = 0;
  uint64_t failures = 0;
};

/// Add, subtract, multiply, divide and square root of softfloat against the host's. `operands.next()` gives bits.
template <class Format, class Operands>
void compare_arithmetic(Operands operands) {
  namespace sf = softfloat;
  using Float = typename Host<Format>::Float;
  Comparison comparison;
  for (int i = 0; i < kPairs; ++i) {
    const auto a = operands.next(), b = operands.next();
    for (const Rounding m : kHostRoundings) {
      const volatile Float x = number<Format>(a), y = number<Format>(b);
      const auto check = [&](const char* what, auto ours, auto host) {
        comparison.expect(what, m, a, b, 0, run(ours), on_host(m, host));
      };
      check(
          "add", [&](uint32_t& fl) { return sf::add<Format>(a, b, m, fl); }, [&]() -> Float { return x + y; });
      check(
          "sub", [&](uint32_t& fl) { return sf::sub<Format>(a, b, m, fl); }, [&]() -> Float { return x - y; });
      check(
          "mul", [&](uint32_t& fl) { return sf::mul<Format>(a, b, m, fl); }, [&]() -> Float { return x * y; });
      check(
          "div", [&](uint32_t& fl) { return sf::div<Format>(a, b, m, fl); }, [&]() -> Float { return x / y; });
      check(
          "sqrt", [&](uint32_t& fl) { return sf::sqrt<Format>(a, m, fl); },
          [&]() -> Float { return std::sqrt(static_cast<Float>(x)); });
    }
  }
  CHECK(comparison.failures == 0);
  CHECK(comparison.count == 20ull * kPairs);
}

#if defined(__x86_64__)
/// The processor's own fused multiply-add; libm's may be software that leaves other flags.
__attribute__((target("fma"))) inline float host_fma(float a, float b, float c) {
  float result = a;
  __asm__ volatile("vfmadd213ss %2, %1, %0" : "+x"(result) : "x"(b), "x"(c));
  return result;
}
__attribute__((target("fma"))) inline double host_fma(double a, double b, double c) {
  double result = a;
  __asm__ volatile("vfmadd213sd %2, %1, %0" : "+x"(result) : "x"(b), "x"(c));
  return result;
}

/// Fused multiply-add against the processor's. `near(i, a, b, c)` may move the i-th addend close to the product.
template <class Format, class Operands, class Near>
void compare_fused(Operands operands, int count, Near near) {
  using Bits = typename Host<Format>::Bits;
  if (!__builtin_cpu_supports("fma")) return;
  Comparison comparison;
  for (int i = 0; i < count; ++i) {
    const Bits a = operands.next(), b = operands.next();
    const Bits c = near(i, a, b, Bits{operands.next()});
    for (const Rounding m : kHostRoundings) {
      Result wanted = on_host(m, [&] { return host_fma(number<Format>(a), number<Format>(b), number<Format>(c)); });
      // x86 leaves inf * 0 + quiet NaN quiet; RISC-V raises the invalid flag.
      const auto infinite = [](Bits v) { return (v & ~Host<Format>::kSign) == Host<Format>::kInfinity; };
      const auto zero = [](Bits v) { return (v & ~Host<Format>::kSign) == 0; };
      if ((infinite(a) && zero(b)) || (zero(a) && infinite(b))) wanted.flags |= softfloat::kInvalid;
      comparison.expect("fma", m, a, b, c,
                        run([&](uint32_t& fl) { return softfloat::fused_multiply_add<Format>(a, b, c, m, fl); }),
                        wanted);
    }
  }
  CHECK(comparison.failures == 0);
  CHECK(comparison.count == 4ull * static_cast<uint64_t>(count));
}
#endif

}  // namespace backboard::host_float
