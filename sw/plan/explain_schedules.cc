// Tiles and traffic of a plan's commands, as the engine's schedules have them.
#include <fmt/format.h>

#include <algorithm>

#include "npu/codec/block_codec.h"
#include "npu/command/operands.h"
#include "npu/engine/schedule.h"
#include "sw/plan/job.h"
#include "sw/plan/policy_report.h"

namespace backboard {

namespace {

/// Bytes of a tensor moved once, as expected_traffic counts them.
uint64_t bytes_once(const npu::Tensor& tensor) {
  if (!tensor.coded()) return tensor.elements() * npu::dense_bytes(tensor.format);
  const npu::BlockGeometry geometry = tensor.blocks();
  return uint64_t{geometry.blocks()} * npu::worst_case_block_bytes(tensor.format, geometry.block_elements());
}

/// How a schedule uses the bus and the buffer.
class ScheduleText {
 public:
  ScheduleText(const PlanUnit& unit, size_t command, const npu::Schedule& schedule, uint32_t buffer_bytes)
      : job_(unit.jobs[command]),
        commands_(unit.jobs.size()),
        command_(static_cast<uint8_t>(command)),
        schedule_(schedule),
        buffer_bytes_(buffer_bytes) {}

  std::string tiles() const {
    uint64_t computes = 0;
    npu::Box largest{};
    for (const npu::Step& step : schedule_.steps) {
      if (step.kind != npu::StepKind::compute || step.command != command_) continue;
      ++computes;
      if (step.box.elements() > largest.elements()) largest = step.box;
    }
    if (computes == 0) return "no arithmetic";
    const auto& c = largest.count;
    return fmt::format("{} of at most {}x{}x{}x{}", computes, c[0], c[1], c[2], c[3]);
  }

  /// Each operand that crosses the bus other than once, with how often.
  std::string why() const {
    const npu::Traffic traffic = npu::expected_traffic(schedule_, job_, command_);
    std::string repeats;
    for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
      const npu::OperandRow* row = npu::operand_of(job_.command, slot);
      if (row == nullptr || traffic.read[slot] == 0) continue;
      const double times = static_cast<double>(traffic.read[slot]) / static_cast<double>(bytes_once(job_[slot]));
      if (times > 1.005)
        repeats += fmt::format("{}{} read {:.2f} times", repeats.empty() ? "" : ", ", row->name, times);
    }
    std::string buffer = fmt::format("{} of {} KiB used", schedule_.buffer_bytes / 1024, buffer_bytes_ / 1024);
    if (commands_ > 1)
      buffer += fmt::format(", {:.1f} of them for rows between {} commands", schedule_.map_bytes / 1024.0, commands_);
    if (commands_ > 1 && job_.has(npu::kFlagLOCAL)) buffer = "its rows stay on chip; " + buffer;
    if (repeats.empty()) return "every operand moves once; " + buffer;
    return repeats +
           (overlaps() ? ": rows that windows share, or tiles that need it again; " : ": tiles need it again; ") +
           buffer;
  }

  uint64_t bytes() const {
    const npu::Traffic traffic = npu::expected_traffic(schedule_, job_, command_);
    return traffic.total_read() + traffic.total_written();
  }

 private:
  /// Whether windows of tiles side by side share input rows.
  bool overlaps() const { return job_.command.stride_h != 0; }

  const npu::Job& job_;
  size_t commands_;  ///< that run together
  uint8_t command_;
  const npu::Schedule& schedule_;
  uint32_t buffer_bytes_;
};

}  // namespace

std::string explain_schedules(const Plan& plan, const PlanTarget& target) {
  if (!target.engine) return {};
  std::string text = fmt::format("\n{:<14} {:<13} {:<6} {:<34} {:>12}  {}\n", "layer", "command", "phase",
                                 "tiles (n, c, rows, columns)", "bytes", "reuse");
  for (const plan_program_kind program : {PLAN_TRAIN_STEP, PLAN_UPDATE}) {
    const std::vector<bool> repeats = plan.repeats(program);
    for (const PlanUnit& unit : plan_units(plan, program, target.offer)) {
      const npu::Schedule schedule = npu::plan_jobs(*target.engine, unit.jobs, target.buffer_bytes).schedule;
      for (size_t i = 0; i < unit.jobs.size(); ++i) {
        const npu::Command& command = unit.jobs[i].command;
        const ScheduleText of(unit, i, schedule, target.buffer_bytes);
        text += fmt::format("{:<14} {:<13} {:<6} {:<34} {:>12}  {}\n",
                            command.layer < plan.layers.size() ? plan.layer_name(command.layer) : "input",
                            npu::name_of(unit.jobs[i].opcode()), name_of(static_cast<Phase>(command.phase)), of.tiles(),
                            of.bytes(), (repeats[unit.commands[i]] ? "computed again; " : "") + of.why());
      }
    }
  }
  return text;
}

}  // namespace backboard
