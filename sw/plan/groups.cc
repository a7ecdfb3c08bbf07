#include "sw/plan/groups.h"

#include <algorithm>

#include "npu/command/operands.h"
#include "sw/plan/recompute.h"

namespace backboard {

namespace {

using npu::Opcode;

constexpr unsigned kResult = 2;

Opcode opcode_of(const DraftCommand& command) {
  return static_cast<Opcode>(command.fields.opcode);
}

/// Marks the groups of one program.
class GroupMaker {
 public:
  GroupMaker(Draft& draft, const npu::Offer& offer, std::vector<DraftCommand>& program, const std::set<size_t>& breaks)
      : draft_(draft), offer_(offer), program_(program), breaks_(breaks) {}

  void run() {
    std::vector<DraftCommand> marked;
    for (size_t first = 0; first < program_.size();) {
      const size_t end = end_of_run(first);
      const bool group = end - first >= 2 && has_frozen_convolution(first, end);
      if (group) marked.push_back(control(Opcode::kGROUP_BEGIN));
      for (size_t i = first; i < end; ++i) {
        marked.push_back(program_[i]);
        if (group && i + 1 < end && !read_elsewhere(i)) marked.back().fields.flags |= npu::kFlagLOCAL;
      }
      if (group) marked.push_back(control(Opcode::kGROUP_END));
      first = end;
    }
    program_ = std::move(marked);
  }

 private:
  /// First command behind those from `first` on that may run together; at least first + 1.
  size_t end_of_run(size_t first) const {
    size_t end = first + 1;
    if (!may_run(first)) return end;
    while (end < program_.size() && end - first < offer_.group_commands && breaks_.count(end) == 0 && may_run(end) &&
           follows(end)) {
      ++end;
    }
    return end;
  }
  bool may_run(size_t i) const {
    const npu::Command& fields = program_[i].fields;
    return (offer_.group_opcodes & npu::opcode_bit(opcode_of(program_[i]))) != 0 && fields.groups <= 1 &&
           fields.phase == static_cast<uint8_t>(Phase::kFF);
  }
  /// Whether command `i` reads what the one before it makes, once, as data.
  bool follows(size_t i) const {
    const int made = program_[i - 1].tensors[kResult];
    const auto& tensors = program_[i].tensors;
    return std::count(tensors.begin(), tensors.end(), made) == 1 && (tensors[0] == made || tensors[1] == made);
  }
  bool has_frozen_convolution(size_t first, size_t end) const {
    return std::any_of(program_.begin() + static_cast<ptrdiff_t>(first), program_.begin() + static_cast<ptrdiff_t>(end),
                       [&](const DraftCommand& command) {
                         if (opcode_of(command) != Opcode::kCONV_FF) return false;
                         return draft_.layers[command.fields.layer].macs_wg == 0;
                       });
  }
  /// Whether anything but command i + 1 reads the memory of what command `i` makes, before it is made again.
  bool read_elsewhere(size_t i) const {
    const int buffer = draft_.tensors[program_[i].tensors[kResult]].buffer;
    for (size_t other = i + 2; other < program_.size(); ++other) {
      for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
        const int tensor = program_[other].tensors[slot];
        if (tensor == kNoTensor || draft_.tensors[tensor].buffer != buffer) continue;
        const npu::OperandRow* row = npu::operand_of(program_[other].fields, slot);
        if (row != nullptr && row->direction != npu::Direction::OUT) return true;
      }
      if (renews(draft_, program_[other], buffer)) return false;
    }
    return false;
  }
  static DraftCommand control(Opcode opcode) {
    DraftCommand command;
    command.fields.opcode = static_cast<uint8_t>(opcode);
    command.fields.phase = static_cast<uint8_t>(Phase::kCONTROL);
    command.fields.layer = kNoLayer;
    return command;
  }

  Draft& draft_;
  const npu::Offer& offer_;
  std::vector<DraftCommand>& program_;
  const std::set<size_t>& breaks_;
};

}  // namespace

void mark_groups(Draft& draft, const npu::Offer& offer, const GroupBreaks& breaks) {
  if (offer.group_commands == 0) return;
  for (const plan_program_kind program : {PLAN_TRAIN_STEP, PLAN_EVAL_STEP}) {
    GroupMaker(draft, offer, draft.programs[program], breaks[program]).run();
  }
}

}  // namespace backboard
