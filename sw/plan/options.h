// What the author of a run chooses for the plan compiler.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace backboard {

/// Formats of the tensors by class, as names of drivers/npu/npu_command.def in lower case ("fp32", "fp16", "fp16z",
/// "fgmp", "fp8", ...). Empty: the engine's default (plan/engine_defaults).
struct PlanFormats {
  std::string input;        ///< encoded batch
  std::string activation;   ///< outputs of layers
  std::string error;        ///< errors of outputs
  std::string weight;       ///< copies that the engine computes with
  std::string master;       ///< "fp32" or "fp16"
  std::string logits;       ///< output of the last layer, and its error
  std::string last_weight;  ///< weight copy of the last layer
};

/// First thresholds of the FGMP class rule (high when |x| >= threshold), by class. Firmware may steer them.
struct PlanThresholds {
  float input = 0.0f;
  float activation = 0.25f;
  float error = 0.001f;
  float weight = 0.0625f;
};

/// Tile sizes for every convolution and FC command; 0: the NPU chooses.
struct PlanTiles {
  uint32_t k = 0, rows = 0, c = 0, n = 0;
};

struct PlanOptions {
  std::string engine = "lnpu";
  std::string policy = "full";  ///< see plan/policy.h
  uint32_t batch = 16;
  std::string fused = "auto";  ///< "on", "off", "auto": on when the engine has an SGD unit on the write-back path
  bool momentum = false;
  PlanFormats formats;
  PlanThresholds thresholds;
  PlanTiles tiles;
  uint32_t arena_base = 0x88000000;   ///< first DRAM address that the plan may use, 64-byte aligned
  uint32_t arena_limit = 0x08000000;  ///< bytes that it may use
};

}  // namespace backboard
