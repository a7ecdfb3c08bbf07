// Binary64 arithmetic against the host's, in every rounding mode, and the fast paths against softfloat.
#include <catch2/catch.hpp>
#include <cmath>
#include <random>

#include "platform/cpu/fast_float.h"
#include "platform/cpu/softfloat.h"
#include "tests/platform/cpu/host_float.h"

using namespace backboard;
using namespace backboard::host_float;
using softfloat::Binary32;
using softfloat::Binary64;

namespace {

constexpr uint64_t kSign = Host<Binary64>::kSign, kNan = Host<Binary64>::kNan, kFraction = (uint64_t{1} << 52) - 1;

/// Operands that reach every path: specials, subnormals, neighbours of powers of two, equal and near exponents, and
/// numbers about the ends of binary32 and of integers.
class Operands {
 public:
  explicit Operands(uint64_t seed) : random_(seed) {}
  uint64_t next() {
    const uint64_t r = random_();
    const auto with_exponent = [](uint64_t bits, uint64_t field) {
      return (bits & ~(uint64_t{0x7ff} << 52)) | field << 52;
    };
    switch (random_() % 10) {
      case 0: {
        constexpr uint64_t kSpecial[] = {0,
                                         kSign,
                                         0x7ff0000000000000,
                                         0xfff0000000000000,
                                         kNan,
                                         0x7ff0000000000001,
                                         1,
                                         kSign | 1,
                                         kFraction,
                                         0x0010000000000000,
                                         0x0010000000000001,
                                         0x7fefffffffffffff,
                                         0x3ff0000000000000,
                                         0xbff0000000000000,
                                         0x3fefffffffffffff,
                                         0x3ff0000000000001,
                                         0x3ca0000000000000,
                                         0x3cb0000000000000,
                                         0x47efffffefffffff,
                                         0x47efffffe0000000,
                                         0x47effffff0000000,
                                         0x380fffffffffffff,
                                         0x36a0000000000000,
                                         0x3690000000000000};
        return kSpecial[r % std::size(kSpecial)];
      }
      case 1:
        return r & (kSign | kFraction);  // subnormal
      case 2:
        return with_exponent(r & (kSign | 3), r / 4 % 2046 + 1);  // few digits
      case 3:
        return with_exponent((r & (kSign | 3)) | (kFraction & ~uint64_t{3}), r / 4 % 2046 + 1);  // many ones
      case 4:
      case 5:
        return with_exponent(r, 1016 + r % 16);  // near one
      case 6:
        return with_exponent(r, 1023 + r % 66);  // integers and halves
      case 7: {
        // Binary32's range, its subnormals, and digits about the last that it keeps.
        const uint64_t digits = r % 4 == 0 ? r : r & ~((uint64_t{1} << 28) - 1);
        return with_exponent(digits, 1023 - 152 + random_() % 282);
      }
      default:
        return r;
    }
  }

 private:
  std::mt19937_64 random_;
};

double real(uint64_t bits) {
  return number<Binary64>(bits);
}

}  // namespace

TEST_CASE("Binary64: add, subtract, multiply, divide and square root equal the host's in four modes") {
  compare_arithmetic<Binary64>(Operands(1));
}

#if defined(__x86_64__)
TEST_CASE("Binary64: fused multiply-add equals the processor's in four modes") {
  std::mt19937_64 random(7);
  compare_fused<Binary64>(Operands(2), 2 * kPairs, [&](int i, uint64_t a, uint64_t b, uint64_t c) {
    if (i % 4 == 0)  // addends that cancel the product or lie close to it
      return std::bit_cast<uint64_t>(-(real(a) * real(b))) + random() % 5 - 2;
    if (i % 4 == 1)  // and those that lie about the last digit of it
      return std::bit_cast<uint64_t>(std::ldexp(real(a) * real(b), static_cast<int>(random() % 220) - 110)) ^
             (random() & kSign);
    return c;
  });
}
#endif

TEST_CASE("Conversions between binary32 and binary64 equal the host's in four modes") {
  Operands operands(3);
  Comparison comparison;
  for (int i = 0; i < kPairs; ++i) {
    const uint64_t a = operands.next();
    const auto single = static_cast<uint32_t>(i % 2 ? a : a >> 32);
    for (const Rounding m : kHostRoundings) {
      const volatile double wide = real(a);
      const volatile float narrow = std::bit_cast<float>(single);
      comparison.expect("to binary32", m, a, 0, 0,
                        run([&](uint32_t& fl) { return softfloat::convert<Binary32, Binary64>(a, m, fl); }),
                        on_host(m, [&] { return static_cast<float>(wide); }));
      comparison.expect("to binary64", m, single, 0, 0,
                        run([&](uint32_t& fl) { return softfloat::convert<Binary64, Binary32>(single, m, fl); }),
                        on_host(m, [&] { return static_cast<double>(narrow); }));
    }
  }
  CHECK(comparison.failures == 0);
}

TEST_CASE("Binary64: ties away from zero differ from ties to even at halves only") {
  uint64_t failures = 0, ties = 0;
  std::mt19937_64 random(4);
  for (int i = 0; i < kPairs; ++i) {
    // An integer of 54 digits, of which the last is to go, or of 55.
    const int digits = 54 + i % 2;
    const uint64_t value = random() >> (64 - digits) | uint64_t{1} << (digits - 1);
    const uint64_t unit = uint64_t{1} << (digits - 53), lost = value % unit;
    const uint64_t expected = value - lost + (2 * lost >= unit ? unit : 0);
    uint32_t flags = 0;
    const uint64_t found = softfloat::from_magnitude<Binary64>(i % 3 == 0, value, Rounding::rmm, flags);
    failures += std::fabs(real(found)) != static_cast<double>(expected);  // which is exact
    failures += flags != (lost ? softfloat::kInexact : 0u);
    ties += 2 * lost == unit;
  }
  CHECK(failures == 0);
  CHECK(ties > 1000);
}

TEST_CASE("Binary64: the fast paths equal softfloat in every mode") {
  namespace sf = softfloat;
  namespace fast = fast_float;
  Operands operands(5);
  Comparison comparison;
  for (int i = 0; i < kPairs; ++i) {
    const uint64_t a = operands.next();
    // Quotients, products and roots that are exact, or nearly so, as well.
    const uint64_t b = i % 3 == 0 ? std::bit_cast<uint64_t>(real(a) * real(operands.next())) : operands.next();
    const uint64_t square = i % 2 ? std::bit_cast<uint64_t>(real(a) * real(a)) : a;
    for (const Rounding m : kAllRoundings) {
      const auto check = [&](const char* what, Result found, Result expected) {
        comparison.expect(what, m, a, b, square, found, expected);
      };
      check("add", run([&](uint32_t& fl) { return fast::add(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::add<Binary64>(a, b, m, fl); }));
      check("sub", run([&](uint32_t& fl) { return fast::sub(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::sub<Binary64>(a, b, m, fl); }));
      check("mul", run([&](uint32_t& fl) { return fast::mul(a, b, m, fl); }),
            run([&](uint32_t& fl) { return sf::mul<Binary64>(a, b, m, fl); }));
      check("div", run([&](uint32_t& fl) { return fast::div(b, a, m, fl); }),
            run([&](uint32_t& fl) { return sf::div<Binary64>(b, a, m, fl); }));
      check("sqrt", run([&](uint32_t& fl) { return fast::sqrt(square, m, fl); }),
            run([&](uint32_t& fl) { return sf::sqrt<Binary64>(square, m, fl); }));
    }
  }
  CHECK(comparison.failures == 0);
}

#if defined(__x86_64__)
TEST_CASE("Binary64: conversions to and from integers of 32 and 64 bits round, saturate and flag as the manual says") {
  Operands operands(6);
  Comparison comparison;
  for (int i = 0; i < kPairs; ++i) {
    const uint64_t a = operands.next();
    const long double value = real(a);  // x87: 64 digits hold every integer of 64 bits
    for (const Rounding m : kAllRoundings) {
      const long double rounded = m == Rounding::rtz   ? std::trunc(value)
                                  : m == Rounding::rdn ? std::floor(value)
                                  : m == Rounding::rup ? std::ceil(value)
                                  : m == Rounding::rmm ? std::round(value)
                                                       : std::nearbyint(value);
      const auto check = [&](const char* what, auto convert, auto integer) {
        using Int = decltype(integer);
        using Limits = std::numeric_limits<Int>;
        const bool fits =
            rounded >= static_cast<long double>(Limits::min()) && rounded <= static_cast<long double>(Limits::max());
        const Int wanted = fits ? static_cast<Int>(rounded) : value < 0 ? Limits::min() : Limits::max();
        const uint32_t flags = !fits ? softfloat::kInvalid : rounded != value ? softfloat::kInexact : 0u;
        comparison.expect(what, m, a, 0, 0, run([&](uint32_t& fl) { return static_cast<uint64_t>(convert(a, m, fl)); }),
                          {static_cast<uint64_t>(wanted), flags});
      };
      check("w", softfloat::to_integer<Binary64, int32_t>, int32_t{});
      check("wu", softfloat::to_integer<Binary64, uint32_t>, uint32_t{});
      check("l", softfloat::to_integer<Binary64, int64_t>, int64_t{});
      check("lu", softfloat::to_integer<Binary64, uint64_t>, uint64_t{});
    }
    // Back: an integer of 64 bits is exact in the x87's format, which the host then rounds.
    for (const Rounding m : kHostRoundings) {
      const uint64_t integer = i % 2 ? a : a >> (a % 64);
      const volatile long double from_signed = static_cast<int64_t>(integer), from_unsigned = integer;
      comparison.expect("from l", m, integer, 0, 0, run([&](uint32_t& fl) {
                          return softfloat::from_signed<Binary64>(static_cast<int64_t>(integer), m, fl);
                        }),
                        on_host(m, [&] { return static_cast<double>(from_signed); }));
      comparison.expect("from lu", m, integer, 0, 0,
                        run([&](uint32_t& fl) { return softfloat::from_magnitude<Binary64>(false, integer, m, fl); }),
                        on_host(m, [&] { return static_cast<double>(from_unsigned); }));
      comparison.expect("single from l", m, integer, 0, 0, run([&](uint32_t& fl) {
                          return softfloat::from_signed<Binary32>(static_cast<int64_t>(integer), m, fl);
                        }),
                        on_host(m, [&] { return static_cast<float>(from_signed); }));
    }
  }
  CHECK(comparison.failures == 0);
}
#endif

TEST_CASE("Binary64: comparisons, minimum and maximum equal the host's on numbers") {
  Operands operands(7);
  uint64_t failures = 0;
  for (int i = 0; i < kPairs; ++i) {
    const uint64_t a = operands.next(), b = operands.next();
    const double x = real(a), y = real(b);
    uint32_t flags = 0;
    failures += softfloat::less<Binary64>(a, b, flags) != (x < y);
    failures += softfloat::less_equal<Binary64>(a, b, flags) != (x <= y);
    failures += flags != (std::isunordered(x, y) ? softfloat::kInvalid : 0);
    flags = 0;
    failures += softfloat::equal<Binary64>(a, b, flags) != (x == y);
    if (std::isunordered(x, y) || x == y) continue;
    failures += softfloat::minimum<Binary64>(a, b, flags) != (x < y ? a : b);
    failures += softfloat::maximum<Binary64>(a, b, flags) != (x < y ? b : a);
  }
  CHECK(failures == 0);
}
