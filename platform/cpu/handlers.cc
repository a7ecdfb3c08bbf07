#include "platform/cpu/handlers.h"

#include <algorithm>
#include <array>
#include <string_view>
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

const Forwarding& forwardings_of(InstructionId id) {
  static const std::array<Forwarding, kInstructionIds> kForwardings = forwardings();
  return kForwardings[static_cast<unsigned>(id)];
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

/// The handler for operations `i` and `i + 1`; 0: none.
uint16_t pair_at(std::span<const Operation> operations, size_t i) {
  static const std::vector<Pair> kPairs = sorted_pairs();
  if (i + 1 >= operations.size()) return 0;
  const Pair wanted{operations[i].handler, operations[i + 1].handler, 0};
  const auto found = std::lower_bound(kPairs.begin(), kPairs.end(), wanted);
  return found == kPairs.end() || wanted < *found ? 0 : found->both;
}

/// The steps of a row of groups.def.
struct GroupStep {
  InstructionId id;
  bool kept;           ///< its result goes to its register
  char first, second;  ///< letters of its operands; 0: it has none
};
struct Group {
  uint16_t handler;
  std::vector<GroupStep> steps;
};

/// By the first instruction, the longest first, else in the order of groups.def.
std::array<std::vector<Group>, kInstructionIds> groups_by_first() {
#define STEP(c, id, operands) \
  { InstructionId::id, std::string_view(#c) != "temp", letter(#operands, 0), letter(#operands, 1) }
#define GROUP_2(c1, i1, a1, c2, i2, a2) \
  {static_cast<uint16_t>(Handler::GROUP_NAME_2(c1, i1, a1, c2, i2, a2)), {STEP(c1, i1, a1), STEP(c2, i2, a2)}},
#define GROUP_3(c1, i1, a1, c2, i2, a2, c3, i3, a3)                                  \
  {static_cast<uint16_t>(Handler::GROUP_NAME_3(c1, i1, a1, c2, i2, a2, c3, i3, a3)), \
   {STEP(c1, i1, a1), STEP(c2, i2, a2), STEP(c3, i3, a3)}},
#define GROUP_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4)                                  \
  {static_cast<uint16_t>(Handler::GROUP_NAME_4(c1, i1, a1, c2, i2, a2, c3, i3, a3, c4, i4, a4)), \
   {STEP(c1, i1, a1), STEP(c2, i2, a2), STEP(c3, i3, a3), STEP(c4, i4, a4)}},
  const auto letter = [](std::string_view operands, size_t i) { return i < operands.size() ? operands[i] : char{0}; };
  const std::vector<Group> rows{
#include "platform/cpu/groups.def"
  };
#undef STEP
  std::array<std::vector<Group>, kInstructionIds> table;
  for (const Group& row : rows) table[static_cast<unsigned>(row.steps[0].id)].push_back(row);
  for (std::vector<Group>& same_first : table) {
    std::stable_sort(same_first.begin(), same_first.end(),
                     [](const Group& a, const Group& b) { return a.steps.size() > b.steps.size(); });
  }
  return table;
}

/// Whether operations that begin with the group's first instruction are its steps.
class GroupMatch {
 public:
  GroupMatch(const Group& group, std::span<const Operation> operations) : group_(group), operations_(operations) {}

  bool fits() const {
    if (operations_.size() < group_.steps.size()) return false;
    for (size_t i = 0; i < group_.steps.size(); ++i) {
      if (operations_[i].id != group_.steps[i].id) return false;
    }
    for (size_t i = 0; i < group_.steps.size(); ++i) {
      const GroupStep& step = group_.steps[i];
      const Operation& operation = operations_[i];
      if (!operand_fits(i, step.first, operation.rs1, operations_[0].rs1, false) ||
          !operand_fits(i, step.second, operation.rs2, operations_[0].rs2, true) ||
          (!step.kept && !is_overwritten(i))) {
        return false;
      }
    }
    return true;
  }

 private:
  bool operand_fits(size_t i, char letter, uint8_t source, uint8_t of_first, bool second) const {
    switch (letter) {
      case 'h':
        return is_at_hand(i, second);
      case 'g':
        return i >= 2 && leaves_result(operations_[i - 1]) && leaves_result(operations_[i - 2]) &&
               operations_[i - 2].rd == source && operations_[i - 1].rd != source;
      case 's':
      case 'u':
        return source == of_first && last_writer(i, source) == kNobody;
      case 'm': {
        // What is at hand is taken from there: through memory, the host would wait for it five cycles and more.
        if (is_at_hand(i, second)) return false;
        const size_t writer = last_writer(i, source);
        return writer == kNobody || group_.steps[writer].kept;
      }
      default:
        return true;
    }
  }
  /// Whether the handler chosen for step `i` alone takes the operand from there.
  bool is_at_hand(size_t i, bool second) const {
    const Forwarding& forwarding = forwardings_of(operations_[i].id);
    const uint16_t handler = second ? forwarding.rs2 : forwarding.rs1;
    return handler != 0 && operations_[i].handler == handler;
  }
  /// The step before `i` that wrote `source`.
  size_t last_writer(size_t i, uint8_t source) const {
    while (i-- > 0) {
      if (leaves_result(operations_[i]) && operations_[i].rd == source) return i;
    }
    return kNobody;
  }
  /// Whether a later step writes the register of step `i` before one that can leave the group.
  bool is_overwritten(size_t i) const {
    const uint8_t rd = operations_[i].rd;
    for (++i; i < group_.steps.size(); ++i) {
      if (!leaves_result(operations_[i]) || kind_of(operations_[i].id) == InstructionKind::load) return false;
      if (operations_[i].rd == rd) return true;
    }
    return false;
  }

  static constexpr size_t kNobody = SIZE_MAX;
  const Group& group_;
  std::span<const Operation> operations_;
};

const Group* group_at(std::span<const Operation> operations) {
  static const std::array<std::vector<Group>, kInstructionIds> kGroups = groups_by_first();
  for (const Group& group : kGroups[static_cast<unsigned>(operations[0].id)]) {
    if (GroupMatch(group, operations).fits()) return &group;
  }
  return nullptr;
}

}  // namespace

void HandlerChoice::choose(Operation& operation) {
  const Forwarding& forwarding = forwardings_of(operation.id);
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
  for (size_t i = 0; i + 1 < operations.size(); ++i) {
    if (const uint16_t both = pair_at(operations, i)) operations[i++].handler = both;
  }
}

void HandlerChoice::group(std::span<Operation> operations) {
  for (size_t i = 0; i + 1 < operations.size();) {
    if (const Group* const group = group_at(operations.subspan(i))) {
      operations[i].handler = group->handler;
      i += group->steps.size();
    } else if (const uint16_t both = pair_at(operations, i)) {
      operations[i].handler = both;
      i += 2;
    } else {
      ++i;
    }
  }
}

}  // namespace backboard
