// The records that a command points to: hyper-parameters, gather list, loss record.
#include <cmath>
#include <cstddef>
#include <cstring>

#include "npu/command/operands.h"
#include "npu/command/validate.h"
#include "npu/sgd/sgd_unit.h"

namespace backboard::npu {
namespace {

Checked check_hyper(const Job& job) {
  const npu_hyper& hyper = job.hyper;
  const auto error = [&](size_t offset) {
    return CommandError{ErrorCode::kPARAMETER, job.command.parameters, static_cast<uint32_t>(offset)};
  };
  if (hyper.flags & ~kKnownHyperFlags) return error(offsetof(npu_hyper, flags));
  if (job.opcode() == Opcode::kDROPOUT) return {};
  if (job.opcode() == Opcode::kADAM && hyper.flags != 0) return error(offsetof(npu_hyper, flags));
  if (is_loss(job.opcode())) {
    const bool good = std::isfinite(hyper.loss_scale) && hyper.loss_scale > 0;
    return good ? Checked{} : error(offsetof(npu_hyper, loss_scale));
  }
  if (!std::isfinite(hyper.learning_rate) || hyper.learning_rate < 0) return error(offsetof(npu_hyper, learning_rate));
  if (!(hyper.momentum >= 0 && hyper.momentum < 1)) return error(offsetof(npu_hyper, momentum));
  if (!std::isfinite(hyper.weight_decay) || hyper.weight_decay < 0) return error(offsetof(npu_hyper, weight_decay));
  if (!std::isfinite(hyper.gradient_scale) || hyper.gradient_scale <= 0) {
    return error(offsetof(npu_hyper, gradient_scale));
  }
  return {};
}

Checked check_loss(Job& job, std::span<const uint8_t> bytes) {
  npu_loss_record record;
  std::memcpy(&record, bytes.data(), sizeof record);
  job.valid_images = record.valid;
  const auto error = [&](size_t offset) {
    return CommandError{ErrorCode::kPARAMETER, job.command.auxiliary, static_cast<uint32_t>(offset)};
  };
  if (record.valid == 0 || record.valid > job[0].shape[0]) return error(offsetof(npu_loss_record, valid));
  return {};
}

Checked check_adam(Job& job, std::span<const uint8_t> bytes) {
  std::memcpy(&job.adam, bytes.data(), sizeof job.adam);
  const npu_adam& adam = job.adam;
  const auto error = [&](size_t offset) {
    return CommandError{ErrorCode::kPARAMETER, job.command.auxiliary, static_cast<uint32_t>(offset)};
  };
  if (!(adam.beta2 >= 0 && adam.beta2 < 1)) return error(offsetof(npu_adam, beta2));
  if (!(adam.epsilon > 0 && adam.epsilon <= 1)) return error(offsetof(npu_adam, epsilon));
  if (!std::isfinite(adam.correction1) || adam.correction1 < 1) return error(offsetof(npu_adam, correction1));
  if (!std::isfinite(adam.correction2) || adam.correction2 < 1) return error(offsetof(npu_adam, correction2));
  for (const uint32_t reserved : adam.reserved)
    if (reserved != 0) return error(offsetof(npu_adam, reserved));
  return {};
}

Checked check_gather(Job& job, std::span<const uint8_t> bytes) {
  job.gather.resize(bytes.size() / 4);
  std::memcpy(job.gather.data(), bytes.data(), bytes.size());
  const uint32_t images = job[0].shape[0];
  for (size_t i = 0; i < job.gather.size(); ++i) {
    if (job.gather[i] < images) continue;
    return CommandError{ErrorCode::kLABEL, job.command.auxiliary + static_cast<uint32_t>(4 * i),
                        command_field::auxiliary};
  }
  return {};
}

}  // namespace

RecordRange hyper_range(const Job& job) {
  if (job.command.parameters == 0) return {};
  return {job.command.parameters, sizeof(npu_hyper)};
}

RecordRange auxiliary_range(const Job& job) {
  if (job.command.auxiliary == 0) return {};
  if (needs_record(job.opcode()) || takes_valid_images(job.opcode()))
    return {job.command.auxiliary, sizeof(npu_loss_record)};
  if (job.opcode() == Opcode::kENCODE) return {job.command.auxiliary, 4 * job[1].shape[0]};
  return {};
}

Checked check_auxiliary_window(const Job& job, const AccessWindows& windows) {
  const RecordRange range = auxiliary_range(job);
  if (range.bytes == 0 || windows.allow(range.address, range.bytes, false)) return {};
  return CommandError{ErrorCode::kWINDOW, range.address, command_field::auxiliary};
}

Checked check_records(Job& job, std::span<const uint8_t> hyper, std::span<const uint8_t> auxiliary) {
  job.hyper = {};
  job.adam = {};
  job.gather.clear();
  job.valid_images = 0;
  if (!hyper.empty()) {
    std::memcpy(&job.hyper, hyper.data(), sizeof job.hyper);
    if (const Checked error = check_hyper(job)) return error;
  }
  if (auxiliary.empty()) return {};
  switch (job.opcode()) {
    case Opcode::kENCODE:
      return check_gather(job, auxiliary);
    case Opcode::kADAM:
      return check_adam(job, auxiliary);
    case Opcode::kNORM:
      return {};
    default:
      return check_loss(job, auxiliary);
  }
}

}  // namespace backboard::npu
