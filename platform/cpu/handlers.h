// The interpreter's handlers: one for each instruction, and some for where the operand is at hand (forwarded.def).
#pragma once

#include <cstdint>

#include "platform/cpu/decode.h"

namespace backboard {

/// Behind one handler for each InstructionId, one for each row of forwarded.def.
enum class Handler : uint8_t {
  kBefore = kInstructionIds - 1,
#define FORWARDED(id, operand) id##_##operand,
#include "platform/cpu/forwarded.def"
  kCount,
};
inline constexpr unsigned kHandlers = static_cast<unsigned>(Handler::kCount);
static_assert(kHandlers <= 256);

/// The handler that needs nothing at hand.
inline uint8_t plain_handler(InstructionId id) {
  return static_cast<uint8_t>(id);
}

/// Chooses the handlers of a block's operations, one after the other.
class HandlerChoice {
 public:
  void choose(Operation& operation);

 private:
  static constexpr uint8_t kNothing = 0xff;
  uint8_t at_hand_ = kNothing;  ///< register whose value is
};

}  // namespace backboard
