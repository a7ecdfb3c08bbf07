// Speed of the memory path: bursts of the demo at `timing: at` a second of the host's processor.
#pragma once

#include <cstdint>
#include <string>

#include "platform/host_time/host_time.h"

namespace backboard {

/// A run file's first point as it stands, at `timing: at` and on one thread of the host, from the start of the board to
/// the end of the firmware. Building, compiling and reading files are no part of it.
struct MemoryBenchResult {
  uint64_t bursts = 0;    ///< of the DRAM
  uint64_t requests = 0;  ///< at the DRAM
  double simulated_seconds = 0;
  double wall_seconds = 0;
  HostTimes host{};  ///< processor time

  double processor_seconds() const;
  /// Arithmetic of the NPU: kernels, counts, codec, vector units.
  double arithmetic_seconds() const;
};

/// Elaborates SystemC: once a process. @throws InputError: bad file, or a firmware that failed.
MemoryBenchResult measure_memory(const std::string& run_file);

}  // namespace backboard
