// Who is told of each command that the NPU completed.
#pragma once

#include <cstdint>

#include "npu/command/job.h"

namespace backboard::npu {

/// Told of every command of the ring, fences and groups included, when its last store is in memory and before anything
/// else happens. It may read memory as a debugger does; it has no part in the simulation.
class CommandObserver {
 public:
  virtual ~CommandObserver() = default;
  /// `start_ps`: the command's 64 bytes were asked for; `end_ps`: its last store was done.
  virtual void on_command(const Job& job, uint64_t start_ps, uint64_t end_ps) = 0;
};

}  // namespace backboard::npu
