// Random numbers by counter on the host side: first weights, subsets, noise. In any order and on every host the same.
#pragma once

#include <cstdint>

#include "npu/sgd/random_stream.h"

namespace backboard {

/// Sequence `stream` of a seed, over npu::random_bits(seed, stream, index) (Philox2x32-10).
class CounterStream {
 public:
  constexpr CounterStream(uint32_t seed, uint32_t stream) : seed_(seed), stream_(stream) {}

  constexpr uint64_t word(uint32_t index) const { return npu::random_bits(seed_, stream_, index); }

  /// Uniform in [-1, 1): a multiple of 2^-23, exact in binary32.
  constexpr float symmetric(uint32_t index) const {
    return static_cast<float>(static_cast<int32_t>(word(index) >> 40) - (1 << 23)) * 0x1p-23f;
  }

  /// Nearly Gaussian, mean 0, variance 1 - 2^-32: the sum of twelve uniform 16-bit numbers (Irwin-Hall) of words
  /// 3 index to 3 index + 2 (modulo 2^32), made symmetric and divided by 2^16. Exact, bounded by 6; no libm takes part.
  constexpr double gaussian(uint32_t index) const {
    int64_t sum = 0;
    for (uint32_t i = 0; i < 3; ++i) {
      uint64_t bits = word(3 * index + i);
      for (int n = 0; n < 4; ++n, bits >>= 16) sum += static_cast<int64_t>(bits & 0xffff);
    }
    return static_cast<double>(2 * sum - 12 * 0xffff) * 0x1p-17;
  }

 private:
  uint32_t seed_, stream_;
};

}  // namespace backboard
