// Kernels of fixed sizes, chosen at run time.
#pragma once

#include <array>
#include <cstdint>
#include <type_traits>
#include <utility>

namespace backboard::npu {

/// {kernel_of(1), ..., kernel_of(kCount)}: `kernel_of` gets each size as a std::integral_constant and gives a function.
template <uint32_t kCount, class KernelOf>
consteval auto kernel_table(KernelOf kernel_of) {
  return [&]<uint32_t... kIndex>(std::integer_sequence<uint32_t, kIndex...>) {
    return std::array{kernel_of(std::integral_constant<uint32_t, kIndex + 1>())...};
  }
  (std::make_integer_sequence<uint32_t, kCount>());
}

}  // namespace backboard::npu
