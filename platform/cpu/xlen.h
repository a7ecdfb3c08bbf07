// The register width as a type, so that RV64 is a configuration of the same core.
#pragma once

#include <cstdint>

namespace backboard {

struct Rv32 {
  using Unsigned = uint32_t;
  using Signed = int32_t;
  using WideUnsigned = uint64_t;
  using WideSigned = int64_t;
  static constexpr unsigned kBits = 32;
};

}  // namespace backboard
