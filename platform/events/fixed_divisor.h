// Division by a number that stays the same, without a division.
#pragma once

#include <bit>
#include <cstdint>

namespace backboard {

/// Quotients by one divisor of 1 to 2^62. Exact: dividends below 2^63 are multiplied by a reciprocal that is rounded up
/// (Granlund and Montgomery, "Division by invariant integers using multiplication", theorem 4.2), others are divided.
class FixedDivisor {
 public:
  explicit constexpr FixedDivisor(uint64_t divisor)
      : divisor_(divisor),
        shift_(static_cast<unsigned>(std::bit_width(divisor - 1))),
        reciprocal_(static_cast<uint64_t>((Wide{1} << (63 + shift_)) / divisor) + 1) {}

  constexpr uint64_t divisor() const { return divisor_; }
  /// floor(dividend / divisor)
  constexpr uint64_t quotient(uint64_t dividend) const {
    if (dividend >> 63 != 0) [[unlikely]]
      return dividend / divisor_;
    return by_reciprocal(dividend);
  }
  /// ceil(dividend / divisor)
  constexpr uint64_t quotient_up(uint64_t dividend) const {
    const uint64_t up = dividend + (divisor_ - 1);
    if ((dividend | up) >> 63 != 0) [[unlikely]]
      return dividend / divisor_ + (dividend % divisor_ != 0);
    return by_reciprocal(up);
  }

 private:
  __extension__ using Wide = unsigned __int128;
  /// Doubled, so that what is wanted of the product is its upper word.
  constexpr uint64_t by_reciprocal(uint64_t dividend) const {
    return static_cast<uint64_t>(static_cast<Wide>(2 * dividend) * reciprocal_ >> 64) >> shift_;
  }
  uint64_t divisor_;
  unsigned shift_;
  uint64_t reciprocal_;
};

}  // namespace backboard
