// Lays the buffers of a draft out in the arena.
#pragma once

#include <cstdint>

#include "sw/plan/draft.h"

namespace backboard {

/// Alignment of every region.
inline constexpr uint64_t kRegionAlignment_bytes = 64;

/// Gives every buffer, statistics record and control structure an address from `base` on: first what firmware fills and
/// reads, then what lives from step to step, then the rest, where buffers whose lives do not meet share memory. A life
/// goes from a command that writes the buffer anew to the last that uses it before the next one does; TRAIN_STEP
/// followed by UPDATE is one line of time, EVAL_STEP another. Larger buffers are placed first, each at the lowest place
/// that is free during its life.
/// @throws InputError when more than `limit_bytes` are needed.
void lay_out_memory(Draft& draft, uint64_t base, uint64_t limit_bytes);

}  // namespace backboard
