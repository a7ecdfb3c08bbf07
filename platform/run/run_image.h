// What the loader puts into DRAM beside the firmware: run block, plan, data (drivers/plan/run_block.h).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "drivers/plan/inference_block.h"
#include "drivers/plan/run_block.h"
#include "platform/run/run_config.h"
#include "sw/run/prepare.h"

namespace backboard {

/// Bytes for the board's memory.
struct MemoryBlob {
  uint64_t address = 0;
  std::vector<uint8_t> bytes;
  std::string what;  ///< for errors
};

/// Everything that a run needs in memory. Empty for a firmware without a plan: then `argument` is 0.
struct RunImage {
  std::vector<MemoryBlob> blobs;
  uint64_t argument = 0;                  ///< address of the run block, a1 of the firmware
  uint64_t result_address = 0;            ///< of run_result
  uint64_t inference_result_address = 0;  ///< of inference_result; 0: no inference beside the training
};

/// The request to the plan compiler and the packer that a run file stands for. The arena is what DRAM has above the
/// part for firmware, run block, plan and data.
PrepareRequest prepare_request(const RunConfig& config);

/// What its plan is compiled for.
PlanTarget plan_target_of(const RunConfig& config);

/// The run block of a run file for a network of `classes` outputs, addresses still zero.
run_block run_block_of(const RunConfig& config, uint32_t classes);

/// The inference block of a run with `training.inference`, addresses still zero. Throws InputError when the core's
/// timer cannot count the time between requests.
inference_block inference_block_of(const RunConfig& config);

/// Places run block, result, plan and data one behind the other above the firmware's part of DRAM. Throws InputError
/// when they do not fit below the plan's arena.
RunImage place_run(const RunConfig& config, PreparedRun prepared);

}  // namespace backboard
