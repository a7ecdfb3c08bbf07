// Validation of guest commands in the order in which their bytes arrive: command, descriptors, records. Nothing that
// the guest writes reaches a schedule unless it passed here.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "npu/command/job.h"
#include "npu/command/windows.h"
#include "npu/engine/offer.h"

namespace backboard::npu {

inline constexpr uint32_t kLargestDimension = 65535;
inline constexpr uint64_t kLargestTensor_elements = uint64_t{1} << 28;

/// What NPU_ERROR_CODE, NPU_ERROR_ADDRESS and NPU_ERROR_DETAIL will say.
struct CommandError {
  ErrorCode code = ErrorCode::kNONE;
  uint32_t address = 0;
  uint32_t detail = 0;
  bool operator==(const CommandError&) const = default;
};
using Checked = std::optional<CommandError>;

/// Checks what the 64 bytes of `job.command` say on their own: opcode, flags, unused fields, phase, presence and
/// alignment of descriptors and records, geometry limits. Whether records and descriptors may be read is checked
/// against the windows too.
Checked check_command(const Job& job, const Offer& offer, const AccessWindows& windows);

/// Checks the descriptors of the operands, in slot order, against the operand, the engine's offer, the windows and each
/// other, and fills `job.tensors`. `descriptors[slot]` is read where operand_of() names an operand.
Checked check_tensors(Job& job, std::span<const Descriptor, kOperands> descriptors, const Offer& offer,
                      const AccessWindows& windows);

/// A record that a command wants read before it starts.
struct RecordRange {
  uint32_t address = 0;
  uint32_t bytes = 0;  ///< 0: none
};
RecordRange hyper_range(const Job& job);
/// Gather list or loss record; the tensors must have passed.
RecordRange auxiliary_range(const Job& job);

/// Checks the window of the gather list, whose length the tensors say.
Checked check_auxiliary_window(const Job& job, const AccessWindows& windows);

/// Checks the contents of the records, filling `job.hyper`, `job.valid_images` and `job.gather`.
Checked check_records(Job& job, std::span<const uint8_t> hyper, std::span<const uint8_t> auxiliary);

}  // namespace backboard::npu
