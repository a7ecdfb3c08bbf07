// The register width as a type: RV32 and RV64 are configurations of the same core.
#pragma once

#include <cstdint>

namespace backboard {

struct Rv32 {
  using Unsigned = uint32_t;
  using Signed = int32_t;
  using WideUnsigned = uint64_t;
  using WideSigned = int64_t;
  using Float = uint32_t;  ///< a floating-point register: F alone
  static constexpr unsigned kBits = 32;
};

struct Rv64 {
  using Unsigned = uint64_t;
  using Signed = int64_t;
  __extension__ using WideUnsigned = unsigned __int128;
  __extension__ using WideSigned = __int128;
  using Float = uint64_t;  ///< F and D
  static constexpr unsigned kBits = 64;
};

}  // namespace backboard
