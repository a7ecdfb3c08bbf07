// The interpreter's handlers: one for each instruction, some for where the operand is at hand (forwarded.def), and some
// for two instructions (pairs.def).
#pragma once

#include <cstdint>
#include <span>

#include "platform/cpu/decode.h"

namespace backboard {

/// Behind one handler for each InstructionId, one for each row of forwarded.def, and of pairs.def.
enum class Handler : uint16_t {
  kBefore = kInstructionIds - 1,
#define FORWARDED(id, operand) id##_##operand,
#include "platform/cpu/forwarded.def"
#define PAIR(c1, i1, at1, c2, i2, at2) i1##_##at1##_##i2##_##at2,
#include "platform/cpu/pairs.def"
  kCount,
};
inline constexpr unsigned kHandlers = static_cast<unsigned>(Handler::kCount);

/// The handler that needs nothing at hand.
inline uint16_t plain_handler(InstructionId id) {
  return static_cast<uint16_t>(id);
}

/// Chooses the handlers of a block's operations, one after the other.
class HandlerChoice {
 public:
  void choose(Operation& operation);
  /// Behind the choices for `operations`: where two that follow one another have a handler for both, the first gets it.
  /// The second keeps its own, for those who come back to it in the middle.
  static void pair(std::span<Operation> operations);

 private:
  static constexpr uint8_t kNothing = 0xff;
  uint8_t at_hand_ = kNothing;  ///< register whose value is
};

}  // namespace backboard
