// Wall time of training steps on the whole board, by part.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/host_time/host_time.h"
#include "platform/soc/board_config.h"

namespace backboard {

/// What is measured: plain SGD on all layers, binary32 masters, random images and first weights from `seed`.
struct TrainingBenchOptions {
  std::string network;  ///< configs/nets file, or .onnx
  uint32_t batch = 1;
  uint32_t threads = 1;  ///< npu.host_threads
  std::string engine = "lnpu";
  TimingLevel timing = TimingLevel::lt;
  uint32_t steps = 12;  ///< measured, after one that is not; then at most two more are looked at by part
  uint32_t seed = 1;
};

/// What a step took. Start-up (copies, checksums, encoding of weights) and the first step are no part of it.
struct TrainingBenchResult {
  std::vector<double> step_seconds;  ///< wall, of each step
  double simulated_seconds = 0;      ///< of a step, mean
  uint64_t macs = 0;                 ///< of a step, skipped ones included, padding left out
  uint64_t npu_bytes = 0;            ///< that the NPU's DMA moved in a step
  double own_seconds = 0;            ///< processor time of a step, mean: of the program's own thread
  double all_seconds = 0;            ///< of all threads
  uint32_t parts_steps = 0;          ///< further steps, whose parts were told apart, which takes time itself
  double parts_wall_seconds = 0;     ///< of them all
  HostTimeReport host;               ///< over them all
  uint64_t dram_bytes = 0;           ///< size of the board's DRAM: the smallest that the plan fits
  uint64_t peak_bytes = 0;           ///< host memory of the process (VmHWM), compiling included
  double fastest() const;
  double median() const;
};

/// Builds the board, trains, measures. Elaborates SystemC: once a process. @throws InputError: unknown network or
/// engine, a network that does not fit, a firmware that ended before the last step.
TrainingBenchResult measure_training(const TrainingBenchOptions& options);

}  // namespace backboard
