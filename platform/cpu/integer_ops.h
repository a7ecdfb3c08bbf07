// The integer operations that C++ does not have with RISC-V's results.
#pragma once

#include <limits>

#include "platform/cpu/xlen.h"

namespace backboard::integer_ops {

/// Unprivileged ISA, "M" extension, table "Semantics for division by zero and division overflow".
template <class X>
typename X::Unsigned divide(typename X::Unsigned a, typename X::Unsigned b) {
  using S = typename X::Signed;
  if (b == 0) return std::numeric_limits<typename X::Unsigned>::max();
  if (static_cast<S>(a) == std::numeric_limits<S>::min() && static_cast<S>(b) == -1) return a;
  return static_cast<typename X::Unsigned>(static_cast<S>(a) / static_cast<S>(b));
}
template <class X>
typename X::Unsigned remainder(typename X::Unsigned a, typename X::Unsigned b) {
  using S = typename X::Signed;
  if (b == 0) return a;
  if (static_cast<S>(a) == std::numeric_limits<S>::min() && static_cast<S>(b) == -1) return 0;
  return static_cast<typename X::Unsigned>(static_cast<S>(a) % static_cast<S>(b));
}
template <class X>
typename X::Unsigned divide_unsigned(typename X::Unsigned a, typename X::Unsigned b) {
  return b ? a / b : std::numeric_limits<typename X::Unsigned>::max();
}
template <class X>
typename X::Unsigned remainder_unsigned(typename X::Unsigned a, typename X::Unsigned b) {
  return b ? a % b : a;
}

/// Upper halves of the double-width products.
template <class X>
typename X::Unsigned multiply_high(typename X::Unsigned a, typename X::Unsigned b) {
  using S = typename X::Signed;
  using W = typename X::WideSigned;
  return static_cast<typename X::Unsigned>((W{static_cast<S>(a)} * W{static_cast<S>(b)}) >> X::kBits);
}
template <class X>
typename X::Unsigned multiply_high_mixed(typename X::Unsigned a, typename X::Unsigned b) {
  using S = typename X::Signed;
  using W = typename X::WideSigned;
  return static_cast<typename X::Unsigned>((W{static_cast<S>(a)} * static_cast<W>(b)) >> X::kBits);
}
template <class X>
typename X::Unsigned multiply_high_unsigned(typename X::Unsigned a, typename X::Unsigned b) {
  using W = typename X::WideUnsigned;
  return static_cast<typename X::Unsigned>((W{a} * W{b}) >> X::kBits);
}

/// ORC.B: a byte of ones for each byte that is not zero.
template <class X>
typename X::Unsigned combine_in_bytes(typename X::Unsigned a) {
  constexpr auto kOnes = static_cast<typename X::Unsigned>(0x0101'0101'0101'0101);
  // The highest bit of each byte that is not zero: it carries into it, or has it; no carry leaves a byte.
  const typename X::Unsigned high = (((a & 0x7f * kOnes) + 0x7f * kOnes) | a) & 0x80 * kOnes;
  return (high >> 7) * 0xff;
}
template <class X>
typename X::Unsigned reverse_bytes(typename X::Unsigned a) {
  if constexpr (X::kBits == 32) return __builtin_bswap32(a);
  return static_cast<typename X::Unsigned>(__builtin_bswap64(a) >> (64 - X::kBits));
}

}  // namespace backboard::integer_ops
