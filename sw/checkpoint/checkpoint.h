// Checkpoints in an image of the flash (drivers/plan/checkpoint_format.h), read by tools.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "drivers/plan/checkpoint_format.h"
#include "sw/npz/npz.h"

namespace backboard {

/// A checkpoint taken apart. Arrays are binary32: parameters (k, c, kh, kw) and (k), momenta as the parameters.
struct Checkpoint {
  checkpoint_header header{};
  std::vector<checkpoint_tensor> tensors;
  std::vector<float> thresholds, loss;
  std::vector<uint32_t> eval_correct;
  Arrays parameters, momenta;
};

/// What a slot holds: a checkpoint, or why not.
struct CheckpointSlot {
  std::optional<Checkpoint> checkpoint;
  std::string reason;
};
using CheckpointSlots = std::array<CheckpointSlot, CHECKPOINT_SLOTS>;

inline constexpr uint32_t kFlashSectorBytes = 4096;

/// Reads both slots of a whole flash image. A damaged slot is not an error: power cuts leave them.
/// @throws InputError when the image is too small for slots of more than a sector.
CheckpointSlots read_checkpoints(std::span<const uint8_t> flash, const std::string& file,
                                 uint32_t sector_bytes = kFlashSectorBytes);

/// Number of the slot with the newest checkpoint, as the firmware would choose; -1: there is none.
int newest_checkpoint(const CheckpointSlots& slots);

/// Both slots in readable form.
std::string dump_checkpoints(const CheckpointSlots& slots);

}  // namespace backboard
