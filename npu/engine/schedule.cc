#include "npu/engine/schedule.h"

#include <fmt/format.h>

#include "npu/command/operands.h"

namespace backboard::npu {
namespace {

std::string text_of(const Box& box) {
  return fmt::format("[{}+{}, {}+{}, {}+{}, {}+{}]", box.first[0], box.count[0], box.first[1], box.count[1],
                     box.first[2], box.count[2], box.first[3], box.count[3]);
}

const char* text_of(StepKind kind) {
  switch (kind) {
    case StepKind::load:
      return "load";
    case StepKind::compute:
      return "compute";
    case StepKind::store:
      return "store";
  }
  return "unknown";
}

const char* text_of(Payload payload) {
  switch (payload) {
    case Payload::tensor:
      return "tensor";
    case Payload::statistics:
      return "statistics";
    case Payload::loss:
      return "loss";
  }
  return "unknown";
}

std::string text_of(const Step& step, const Job& job) {
  std::string text = fmt::format("{:7} ", text_of(step.kind));
  if (step.kind == StepKind::compute) {
    text += fmt::format("{} of {}{}{}", text_of(step.box), text_of(step.inner), step.begin ? " begin" : "",
                        step.finish ? " finish" : "");
    for (unsigned slot = 0; slot < kOperands; ++slot) {
      const OperandRow* row = operand_of(job.command, slot);
      if (step.slots[slot] != kNoSlot) text += fmt::format(" {}@{}", row ? row->name : "sums", step.slots[slot]);
    }
    if (step.from != kNoSlot) text += fmt::format(" of rows@{}", step.from);
    if (step.line != kNoSlot) text += fmt::format(" to rows@{} from row {}", step.line, step.line_first);
    if (step.joined) text += " beside";
    if (step.accumulator != kNoSlot) text += fmt::format(" sums@{}", step.accumulator);
  } else if (step.payload == Payload::tensor) {
    text += fmt::format("{}@{} {}", operand_of(job.command, step.operand)->name, step.slot, text_of(step.box));
  } else {
    text += text_of(step.payload);
  }
  return text + fmt::format(" after {}/{}/{}\n", step.needs[0], step.needs[1], step.needs[2]);
}

/// Plays a schedule in its own order and as late as its dependencies force it, and looks for hazards.
class RuleCheck {
 public:
  RuleCheck(const Schedule& schedule, std::span<const Job> jobs)
      : schedule_(schedule), jobs_(jobs), stored_(jobs.size()) {}
  std::string run(uint32_t buffer_bytes);

 private:
  struct SlotUse {
    std::array<uint32_t, kStepKinds> last{};  ///< number of the last step of each kind that used the slot
    bool filled = false;
  };
  std::string slots_fit(uint32_t buffer_bytes) const;
  std::string visit(const Step& step, size_t at);
  std::string covered() const;

  const Schedule& schedule_;
  std::span<const Job> jobs_;
  std::vector<SlotUse> uses_;
  std::array<uint32_t, kStepKinds> count_{};
  std::vector<std::array<uint64_t, kOperands>> stored_;  ///< by command
};

std::string RuleCheck::slots_fit(uint32_t buffer_bytes) const {
  uint32_t end = 0;
  for (size_t i = 0; i < schedule_.slots.size(); ++i) {
    const Slot& slot = schedule_.slots[i];
    if (slot.offset_bytes < end) return fmt::format("slot {} overlaps the one before", i);
    end = slot.offset_bytes + slot.size_bytes;
  }
  if (end > buffer_bytes) return fmt::format("slots take {} of {} bytes", end, buffer_bytes);
  return {};
}

std::string RuleCheck::visit(const Step& step, size_t at) {
  const auto kind = static_cast<unsigned>(step.kind);
  for (unsigned i = 0; i < kStepKinds; ++i) {
    if (step.needs[i] > count_[i]) return fmt::format("step {} waits for a step behind it", at);
  }
  const auto waits_for = [&](const SlotUse& use, unsigned of) { return step.needs[of] >= use.last[of]; };
  const auto touch = [&](uint16_t slot, bool written) -> std::string {
    if (slot >= uses_.size()) return fmt::format("step {} names slot {}", at, slot);
    SlotUse& use = uses_[slot];
    for (unsigned of = 0; of < kStepKinds; ++of) {
      // Steps of one kind keep their order by themselves; loads and stores of a slot that is only read do not clash.
      const bool clash = of == kind ? false : (written || of != 2);
      if (clash && !waits_for(use, of)) return fmt::format("step {} may overtake a user of slot {}", at, slot);
    }
    if (!written && !use.filled) return fmt::format("step {} reads slot {}, which nothing filled", at, slot);
    use.last[kind] = count_[kind] + 1;
    use.filled |= written;
    return {};
  };
  std::string broken;
  if (step.command >= jobs_.size()) return fmt::format("step {} belongs to no command", at);
  if (step.kind == StepKind::compute) {
    const auto touch_if = [&](uint16_t slot, bool written) {
      if (slot != kNoSlot && broken.empty()) broken = touch(slot, written);
    };
    touch_if(step.from, false);
    for (unsigned slot = 0; slot < kOperands; ++slot) {
      const bool window = step.from != kNoSlot && slot == step.operand;
      touch_if(step.slots[slot], window || writes(jobs_[step.command].command, slot));
    }
    touch_if(step.accumulator, true);
    touch_if(step.line, true);
  } else if (step.payload == Payload::tensor) {
    if (step.kind == StepKind::load && step.box.elements() > schedule_.slots[step.slot].elements) {
      return fmt::format("step {} loads more than its slot holds", at);
    }
    broken = touch(step.slot, step.kind == StepKind::load);
    if (step.kind == StepKind::store) stored_[step.command][step.operand] += step.box.elements();
  }
  ++count_[kind];
  return broken;
}

std::string RuleCheck::covered() const {
  for (size_t i = 0; i < jobs_.size(); ++i) {
    for (unsigned slot = 0; slot < kOperands; ++slot) {
      const bool local = slot == 2 && i + 1 < jobs_.size() && jobs_[i].has(kFlagLOCAL);
      const uint64_t wanted = writes(jobs_[i].command, slot) && !local ? jobs_[i][slot].elements() : 0;
      if (stored_[i][slot] != wanted) {
        return fmt::format("operand {}: {} of {} elements are stored", slot, stored_[i][slot], wanted);
      }
    }
  }
  return {};
}

std::string RuleCheck::run(uint32_t buffer_bytes) {
  uses_.resize(schedule_.slots.size());
  std::string broken = slots_fit(buffer_bytes);
  for (size_t at = 0; at < schedule_.steps.size() && broken.empty(); ++at) broken = visit(schedule_.steps[at], at);
  return broken.empty() ? covered() : broken;
}

/// Blocks of a coded tensor that a box touches.
uint64_t blocks_touched(const Tensor& tensor, const Box& box) {
  const uint64_t c0 = box.first[1] / tensor.block_channels;
  const uint64_t c1 = (box.first[1] + box.count[1] - 1) / tensor.block_channels;
  const uint64_t r0 = box.first[2] / tensor.block_rows;
  const uint64_t r1 = (box.first[2] + box.count[2] - 1) / tensor.block_rows;
  return box.count[0] * (c1 - c0 + 1) * (r1 - r0 + 1);
}

}  // namespace

std::string to_string(const Schedule& schedule, std::span<const Job> jobs) {
  std::string text;
  for (size_t i = 0; i < schedule.slots.size(); ++i) {
    text += fmt::format("slot {}: {} bytes at {}\n", i, schedule.slots[i].size_bytes, schedule.slots[i].offset_bytes);
  }
  for (const Step& step : schedule.steps) text += text_of(step, jobs[step.command]);
  return text;
}

std::string broken_rule(const Schedule& schedule, std::span<const Job> jobs, uint32_t buffer_bytes) {
  return RuleCheck(schedule, jobs).run(buffer_bytes);
}

uint64_t Traffic::total_read() const {
  uint64_t sum = metadata_read;
  for (const uint64_t bytes : read) sum += bytes;
  return sum;
}

uint64_t Traffic::total_written() const {
  uint64_t sum = metadata_written + records_written;
  for (const uint64_t bytes : written) sum += bytes;
  return sum;
}

Traffic expected_traffic(const Schedule& schedule, const Job& job, uint8_t command) {
  Traffic traffic;
  for (const Step& step : schedule.steps) {
    if (step.kind == StepKind::compute || step.command != command) continue;
    if (step.payload == Payload::statistics) traffic.metadata_written += sizeof(npu_tensor_statistics);
    if (step.payload == Payload::loss) traffic.records_written += sizeof(npu_loss_record);
    if (step.payload != Payload::tensor) continue;
    const Tensor& tensor = job[step.operand];
    const bool load = step.kind == StepKind::load;
    auto& moved = load ? traffic.read : traffic.written;
    if (!tensor.coded()) {
      moved[step.operand] += step.box.elements() * dense_bytes(tensor.format);
      continue;
    }
    const uint64_t blocks = blocks_touched(tensor, step.box);
    const BlockGeometry geometry = tensor.blocks();
    moved[step.operand] += blocks * worst_case_block_bytes(tensor.format, geometry.block_elements());
    (load ? traffic.metadata_read : traffic.metadata_written) += blocks * kDirectoryEntry_bytes;
  }
  return traffic;
}

}  // namespace backboard::npu
