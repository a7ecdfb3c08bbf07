#include "platform/cpu/handlers.h"

#include <algorithm>
#include <array>
#include <tuple>
#include <vector>

namespace backboard {
namespace {

struct Forwarding {
  uint16_t rs1 = 0, rs2 = 0;  ///< handlers; 0: none
};

std::array<Forwarding, kInstructionIds> forwardings() {
  std::array<Forwarding, kInstructionIds> table{};
#define FORWARDED(id, operand) \
  table[static_cast<unsigned>(InstructionId::id)].operand = static_cast<uint16_t>(Handler::id##_##operand);
#include "platform/cpu/forwarded.def"
  return table;
}

/// Handlers for two, by those of the first and the second.
struct Pair {
  uint16_t first = 0, second = 0, both = 0;
  bool operator<(const Pair& other) const { return std::tie(first, second) < std::tie(other.first, other.second); }
};

std::vector<Pair> sorted_pairs() {
#define HANDLER_x(id) plain_handler(InstructionId::id)
#define HANDLER_rs1(id) static_cast<uint16_t>(Handler::id##_rs1)
#define HANDLER_rs2(id) static_cast<uint16_t>(Handler::id##_rs2)
  std::vector<Pair> pairs{
#define PAIR(c1, i1, at1, c2, i2, at2) \
  {HANDLER_##at1(i1), HANDLER_##at2(i2), static_cast<uint16_t>(Handler::i1##_##at1##_##i2##_##at2)},
#include "platform/cpu/pairs.def"
  };
#undef HANDLER_x
#undef HANDLER_rs1
#undef HANDLER_rs2
  std::sort(pairs.begin(), pairs.end());
  return pairs;
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

void HandlerChoice::pair(std::span<Operation> operations) {
  static const std::vector<Pair> kPairs = sorted_pairs();
  for (size_t i = 0; i + 1 < operations.size(); ++i) {
    const Pair wanted{operations[i].handler, operations[i + 1].handler, 0};
    const auto found = std::lower_bound(kPairs.begin(), kPairs.end(), wanted);
    if (found == kPairs.end() || wanted < *found) continue;
    operations[i].handler = found->both;
    ++i;
  }
}

}  // namespace backboard
