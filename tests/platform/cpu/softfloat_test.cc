// Binary32 arithmetic against the host's, in every rounding mode, and the fast paths against softfloat.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "platform/cpu/fast_float.h"
#include "platform/cpu/softfloat.h"
#include "tests/platform/cpu/host_float.h"

using namespace backboard;
using namespace backboard::host_float;
using softfloat::Binary32;

namespace {

/// Operands that reach every path: specials, subnormals, neighbours of powers of two, equal and near exponents.
class Operands {
 public:
  explicit Operands(uint64_t seed) : random_(seed) {}
  uint32_t next() {
    const auto r = static_cast<uint32_t>(random_());
    switch (random_() % 8) {
      case 0: {
        constexpr uint32_t kSpecial[] = {0,          0x80000000, 0x7f800000, 0xff800000, 0x7fc00000, 0x7f800001,
                                         1,          0x80000001, 0x007fffff, 0x00800000, 0x00800001, 0x7f7fffff,
                                         0x3f800000, 0xbf800000, 0x3f7fffff, 0x3f800001, 0x33800000, 0x34000000};
        return kSpecial[r % std::size(kSpecial)];
      }
      case 1:
        return r & 0x807fffff;  // subnormal
      case 2:
        return (r & 0x80000003) | (r % 254 + 1) << 23;  // few digits
      case 3:
        return (r & 0x80000003) | 0x007ffffc | (r % 254 + 1) << 23;  // many ones
      case 4:
      case 5:
        return (r & 0x807fffff) | (120 + r % 16) << 23;  // near one
      default:
        return r;
    }
  }

 private:
  std::mt19937_64 random_;
};

float f(uint32_t bits) {
  return number<Binary32>(bits);
}

}  // namespace

TEST_CASE("Add, subtract, multiply, divide and square root equal the host's in four modes") {
  compare_arithmetic<Binary32>(Operands(1));
}

#if defined(__x86_64__)
TEST_CASE("Fused multiply-add equals the processor's in four modes") {
  std::mt19937_64 random(7);
  compare_fused<Binary32>(Operands(2), kPairs, [&](int i, uint32_t a, uint32_t b, uint32_t c) {
    if (i % 4 != 0) return c;  // else addends that cancel the product or lie close to it
    return std::bit_cast<uint32_t>(-(f(a) * f(b))) + static_cast<uint32_t>(random() % 5) - 2;
  });
}
#endif

TEST_CASE("Ties away from zero differ from ties to even at halves only") {
  // The sum of two floats with equal exponents is exact in double: round it by hand.
  Operands operands(3);
  uint64_t failures = 0, ties = 0;
  for (int i = 0; i < kPairs; ++i) {
    // Three times an odd significand often has one digit too many: a tie.
    const uint32_t a = operands.next(), b = i % 2 ? operands.next() : 0x40400000;
    const double x = f(a), y = f(b);
    const double exact = x * y;  // exact: 48 digits
    if (!std::isfinite(exact) || std::fabs(exact) < 1e-37 || std::fabs(exact) > 1e38) continue;
    int exponent = 0;
    const double scaled = std::ldexp(std::frexp(exact, &exponent), 24);  // an integer part of 24 digits
    const float expected = static_cast<float>(std::ldexp(std::round(scaled), exponent - 24));  // round: ties away
    uint32_t flags = 0;
    const uint32_t found = softfloat::mul<Binary32>(a, b, Rounding::rmm, flags);
    failures += found != std::bit_cast<uint32_t>(expected);
    failures += (flags & softfloat::kInexact) != (expected != exact);
    ties += std::fabs(scaled - std::trunc(scaled)) == 0.5;
  }
  CHECK(failures == 0);
  CHECK(ties > 100);
}

TEST_CASE("The fast paths equal softfloat in every mode") {
  namespace sf = softfloat;
  namespace fast = fast_float;
  Operands operands(4);
  Comparison comparison;
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t a = operands.next(), b = operands.next(), c = operands.next();
    for (const Rounding m : kAllRoundings) {
      const auto check = [&](const char* what, Result found, Result expected) {
        comparison.expect(what, m, a, b, c, found, expected);
      };
      check("add", run([&](uint32_t& fl) { return fast::add(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::add<Binary32>(a, b, m, fl); }));
      check("sub", run([&](uint32_t& fl) { return fast::sub(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::sub<Binary32>(a, b, m, fl); }));
      check("mul", run([&](uint32_t& fl) { return fast::mul(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::mul<Binary32>(a, b, m, fl); }));
      check("div", run([&](uint32_t& fl) { return fast::div(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::div<Binary32>(a, b, m, fl); }));
      check("sqrt", run([&](uint32_t& fl) { return fast::sqrt(a, m, fl); }),
            run([&](uint32_t& fl) { return sf::sqrt<Binary32>(a, m, fl); }));
      check("fma", run([&](uint32_t& fl) { return fast::fused_multiply_add(a, b, c, m, fl); }),
            run([&](uint32_t& fl) { return sf::fused_multiply_add<Binary32>(a, b, c, m, fl); }));
    }
  }
  CHECK(comparison.failures == 0);
}

TEST_CASE("Conversions saturate, round and flag as the manual says") {
  Operands operands(5);
  uint64_t failures = 0;
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t a = operands.next();
    const double value = f(a);
    for (const Rounding m : kAllRoundings) {
      double rounded = 0;
      switch (m) {
        case Rounding::rne:
          rounded = std::nearbyint(value);
          break;
        case Rounding::rtz:
          rounded = std::trunc(value);
          break;
        case Rounding::rdn:
          rounded = std::floor(value);
          break;
        case Rounding::rup:
          rounded = std::ceil(value);
          break;
        case Rounding::rmm:
          rounded = std::round(value);
          break;
      }
      const bool fits_signed = rounded >= -2147483648.0 && rounded <= 2147483647.0;
      const bool fits_unsigned = rounded >= 0.0 && rounded <= 4294967295.0;
      uint32_t flags = 0;
      const int32_t s = softfloat::to_integer<Binary32, int32_t>(a, m, flags);
      const int32_t wanted_s = fits_signed ? static_cast<int32_t>(rounded) : value < 0 ? INT32_MIN : INT32_MAX;
      failures += s != wanted_s || flags != (fits_signed ? (rounded != value ? 1u : 0u) : 16u);
      flags = 0;
      const uint32_t u = softfloat::to_integer<Binary32, uint32_t>(a, m, flags);
      const uint32_t wanted_u = fits_unsigned ? static_cast<uint32_t>(rounded) : value < 0 ? 0u : UINT32_MAX;
      failures += u != wanted_u || flags != (fits_unsigned ? (rounded != value ? 1u : 0u) : 16u);
    }
    // Back: a 32-bit integer is exact in double, which the host then rounds.
    for (const Rounding m : kHostRoundings) {
      const volatile double from_signed = static_cast<int32_t>(a), from_unsigned = a;
      const Result s = on_host(m, [&] { return static_cast<float>(from_signed); });
      const Result u = on_host(m, [&] { return static_cast<float>(from_unsigned); });
      const bool negative = static_cast<int32_t>(a) < 0;
      failures += !(run([&](uint32_t& fl) {
                      return softfloat::from_magnitude<Binary32>(negative, negative ? 0u - a : a, m, fl);
                    }) == s);
      failures += !(run([&](uint32_t& fl) { return softfloat::from_magnitude<Binary32>(false, a, m, fl); }) == u);
    }
  }
  CHECK(failures == 0);
}

TEST_CASE("Comparisons, minimum and maximum equal the host's on numbers") {
  Operands operands(6);
  uint64_t failures = 0;
  for (int i = 0; i < kPairs; ++i) {
    const uint32_t a = operands.next(), b = operands.next();
    const float x = f(a), y = f(b);
    uint32_t flags = 0;
    failures += softfloat::less<Binary32>(a, b, flags) != (x < y);
    failures += softfloat::less_equal<Binary32>(a, b, flags) != (x <= y);
    failures += flags != (std::isunordered(x, y) ? softfloat::kInvalid : 0);
    flags = 0;
    failures += softfloat::equal<Binary32>(a, b, flags) != (x == y);
    if (std::isunordered(x, y) || x == y) continue;
    failures += softfloat::minimum<Binary32>(a, b, flags) != (x < y ? a : b);
    failures += softfloat::maximum<Binary32>(a, b, flags) != (x < y ? b : a);
  }
  CHECK(failures == 0);
}
