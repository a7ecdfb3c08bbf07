#include "platform/events/fixed_divisor.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace backboard;

TEST_CASE("A fixed divisor's quotients are those of a division, next to its multiples and at the ends of all ranges") {
  std::mt19937_64 random(1);
  std::vector<uint64_t> divisors{1, 2, 3, 5, 625, 938, 1250, 5000, 1'000'000'000'000};
  for (unsigned bits = 1; bits <= 62; ++bits) {
    const uint64_t power = uint64_t{1} << bits;
    divisors.insert(divisors.end(), {power, power - 1, random() % power + 1});
    if (bits < 62) divisors.push_back(power + 1);
  }
  for (const uint64_t divisor : divisors) {
    const FixedDivisor by(divisor);
    std::vector<uint64_t> dividends{0, 1, divisor - 1, divisor, divisor + 1};
    for (const uint64_t end : {uint64_t{1} << 62, uint64_t{1} << 63, UINT64_MAX}) {
      dividends.insert(dividends.end(), {end - 1, end, end / divisor * divisor, end / divisor * divisor - 1});
    }
    for (unsigned i = 0; i < 1000; ++i) {
      const uint64_t any = random() >> random() % 64, multiple = any / divisor * divisor;
      dividends.insert(dividends.end(), {any, multiple, multiple - 1});
    }
    for (const uint64_t dividend : dividends) {
      INFO(dividend << " by " << divisor);
      REQUIRE(by.quotient(dividend) == dividend / divisor);
      REQUIRE(by.quotient_up(dividend) == dividend / divisor + (dividend % divisor != 0));
    }
  }
}
