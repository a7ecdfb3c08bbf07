// The interpreter's handlers: one for each instruction, some for where the operand is at hand (forwarded.def), and some
// for two instructions (pairs.def) or up to four (groups.def).
#pragma once

#include <cstdint>
#include <span>

#include "platform/cpu/decode.h"

namespace backboard {

#define GROUP_NAME_2(c1, i1, a1, c2, i2, a2) c1##_##i1##_##a1##_##c2##_##i2##_##a2
#define GROUP_NAME_3(c1, i1, a1, c2, i2, a2, c3, i3, a3) c1##_##i1##_##a1##_##c2##_##i2##_##a2##_##c3##_##i3##_##a3
#define GROUP_NAME_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4) \
  c1##_##i1##_##a1##_##c2##_##i2##_##a2##_##c3##_##i3##_##a3##_##c4##_##i4##_##a4

/// Behind one handler for each InstructionId, one for each row of forwarded.def, of pairs.def, and of groups.def.
enum class Handler : uint16_t {
  kBefore = kInstructionIds - 1,
#define FORWARDED(id, operand) id##_##operand,
#include "platform/cpu/forwarded.def"
#define PAIR(c1, i1, at1, c2, i2, at2) i1##_##at1##_##i2##_##at2,
#include "platform/cpu/pairs.def"
#define GROUP_2(...) GROUP_NAME_2(__VA_ARGS__),
#define GROUP_3(...) GROUP_NAME_3(__VA_ARGS__),
#define GROUP_4(...) GROUP_NAME_4(__VA_ARGS__),
#include "platform/cpu/groups.def"
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
  /// The same with groups too, which come before pairs.
  static void group(std::span<Operation> operations);

 private:
  static constexpr uint8_t kNothing = 0xff;
  uint8_t at_hand_ = kNothing;  ///< register whose value is
};

}  // namespace backboard
