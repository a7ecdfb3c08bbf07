// A command as steps: data that can be printed, tested, compared and played by one sequencer.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "npu/command/job.h"

namespace backboard::npu {

enum class StepKind : uint8_t { load, compute, store };
inline constexpr unsigned kStepKinds = 3;

/// What a load or store moves.
enum class Payload : uint8_t {
  tensor,      ///< a box of a tensor, with its directory entries when the format is coded
  statistics,  ///< the statistics record of an output tensor
  loss,        ///< the results of the loss record
};

inline constexpr uint16_t kNoSlot = 0xffff;

/// One step. Steps of one kind start and complete in the order of the schedule, so dependencies are counts: a step may
/// start when that many loads, computes and stores of the schedule are complete.
struct Step {
  StepKind kind = StepKind::load;
  Payload payload = Payload::tensor;
  uint8_t operand = 0;      ///< load, store: tensor slot of the command
  bool begin = false;       ///< compute: the accumulator starts here (from zero)
  bool finish = false;      ///< compute: the last part of the sum; bias, ReLU, mask and update follow
  uint8_t pass = 0;         ///< compute: which reading of the input, for sums that need several
  uint16_t slot = kNoSlot;  ///< load, store: buffer slot
  std::array<uint16_t, kOperands> slots{kNoSlot, kNoSlot, kNoSlot, kNoSlot, kNoSlot, kNoSlot};  ///< compute: by operand
  uint16_t accumulator = kNoSlot;            ///< compute: slot of the sums where it is not the output's own slot
  Box box;                                   ///< of the tensor (load, store) or of the output (compute)
  Box inner;                                 ///< compute: ranges of the reduction; see tile_schedule.h
  std::array<uint32_t, kStepKinds> needs{};  ///< loads, computes, stores that must be complete
  // Groups of commands that run together, as rows of feature maps.
  uint8_t command = 0;      ///< number of the command in its group
  bool joined = false;      ///< compute: runs side by side with the compute step behind it
  bool row = false;         ///< compute: one row of a stage; `operand`: its input that the stage before makes
  uint16_t from = kNoSlot;  ///< row: the row buffer that holds rows `inner` of the input
  uint16_t line = kNoSlot;  ///< row: the row buffer that the result goes to, behind the rows there
  uint32_t line_first = 0;  ///< row: first row that this buffer still keeps
  bool line_begin = false;  ///< row: the buffer holds nothing of this image yet
  uint8_t line_bits = 0;    ///< row: of an element there
  uint8_t from_bank = 0;    ///< row: bank of the first row of `inner`
  uint8_t line_bank = 0;    ///< row: bank that the result goes to

  bool operator==(const Step&) const = default;
};

/// A piece of the local buffer. `elements` bounds what it holds at any time.
struct Slot {
  uint32_t offset_bytes = 0;
  uint32_t size_bytes = 0;
  uint32_t elements = 0;
  bool operator==(const Slot&) const = default;
};

struct Schedule {
  std::vector<Slot> slots;
  std::vector<Step> steps;
  uint32_t buffer_bytes = 0;  ///< local buffer used
  uint32_t map_bytes = 0;     ///< of these: feature maps, or rows of them, between the commands of a group

  bool operator==(const Schedule&) const = default;
};

/// One line a step. `jobs`: one, or those of a group.
std::string to_string(const Schedule& schedule, std::span<const Job> jobs);
inline std::string to_string(const Schedule& schedule, const Job& job) {
  return to_string(schedule, std::span(&job, 1));
}

/// The first rule that a schedule breaks, empty when it keeps them all: slots lie in the buffer and do not overlap,
/// no slot is written while a step that may still run needs it, every input was loaded, every output element is
/// stored exactly once, or is local to a group.
std::string broken_rule(const Schedule& schedule, std::span<const Job> jobs, uint32_t buffer_bytes);
inline std::string broken_rule(const Schedule& schedule, const Job& job, uint32_t buffer_bytes) {
  return broken_rule(schedule, std::span(&job, 1), buffer_bytes);
}

/// Bytes that a schedule moves, by operand and direction.
struct Traffic {
  std::array<uint64_t, kOperands> read{};
  std::array<uint64_t, kOperands> written{};
  uint64_t metadata_read = 0;     ///< directories
  uint64_t metadata_written = 0;  ///< directories and statistics
  uint64_t records_written = 0;   ///< loss record
  uint64_t total_read() const;
  uint64_t total_written() const;
};

/// The traffic of a schedule: exact for dense formats, the worst case for the data of coded ones. `command`: number of
/// `job` in its group.
Traffic expected_traffic(const Schedule& schedule, const Job& job, uint8_t command = 0);

}  // namespace backboard::npu
