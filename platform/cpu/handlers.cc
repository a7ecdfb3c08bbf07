#include "platform/cpu/handlers.h"

#include <array>

namespace backboard {
namespace {

struct Forwarding {
  uint8_t rs1 = 0, rs2 = 0;  ///< handlers; 0: none
};

std::array<Forwarding, kInstructionIds> forwardings() {
  std::array<Forwarding, kInstructionIds> table{};
#define FORWARDED(id, operand) \
  table[static_cast<unsigned>(InstructionId::id)].operand = static_cast<uint8_t>(Handler::id##_##operand);
#include "platform/cpu/forwarded.def"
  return table;
}

/// Whether the interpreter keeps at hand what the instruction writes to rd.
bool leaves_result(const Operation& operation) {
  switch (kind_of(operation.id)) {
    case InstructionKind::alu:
    case InstructionKind::multiply:
    case InstructionKind::divide:
      return true;
    case InstructionKind::load:
      return operation.id != InstructionId::FLW && operation.id != InstructionId::FLD;
    default:
      return false;
  }
}

/// Whether it leaves the integer registers alone.
bool writes_nothing(const Operation& operation) {
  switch (kind_of(operation.id)) {
    case InstructionKind::store:
    case InstructionKind::fence:
      return true;
    case InstructionKind::load:
      return !leaves_result(operation);
    default:
      return false;
  }
}

}  // namespace

void HandlerChoice::choose(Operation& operation) {
  static const std::array<Forwarding, kInstructionIds> kForwardings = forwardings();
  const Forwarding& forwarding = kForwardings[static_cast<unsigned>(operation.id)];
  operation.handler = plain_handler(operation.id);
  if (forwarding.rs1 != 0 && operation.rs1 == at_hand_) {
    operation.handler = forwarding.rs1;
  } else if (forwarding.rs2 != 0 && operation.rs2 == at_hand_) {
    operation.handler = forwarding.rs2;
  }
  if (leaves_result(operation)) {
    at_hand_ = operation.rd;
  } else if (!writes_nothing(operation)) {
    at_hand_ = kNothing;
  }
}

}  // namespace backboard
