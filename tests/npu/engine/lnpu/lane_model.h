// A cycle-stepped micro-model of the lanes: queues of single inputs, dealt and worked off half-cycle by half-cycle, and
// products counted one by one. It shares no code with the closed form.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <deque>
#include <map>
#include <vector>

#include "npu/engine/conv_loops.h"
#include "npu/engine/lnpu/config.h"

namespace backboard::npu::test {

/// One input as a lane sees it: where it stands and what stands beside it.
struct ModelInput {
  uint8_t input_class = 0;
  std::vector<uint8_t> others;  ///< classes of the multipliers' operands
};

/// One core: a sequence of windows for each of its groups, each a list of inputs by lane of origin.
struct ModelWindow {
  std::vector<std::pair<uint32_t, ModelInput>> inputs;  ///< lane of origin (balancer off), input
};

/// Half-cycles that an input takes; 0: it is skipped.
inline uint32_t input_cost(const ModelInput& in, bool skip_both) {
  if (in.input_class == 0) return 0;
  bool any = false, high = in.input_class == 2;
  for (const uint8_t c : in.others) {
    any |= c != 0;
    high |= c == 2;
  }
  if (skip_both && !any) return 0;
  return high ? 2 : 1;
}

/// Steps a core until its queues are empty; returns the half-cycles.
inline uint64_t step_core(const std::vector<ModelWindow>& windows, const lnpu::LnpuConfig& config) {
  std::vector<std::deque<uint32_t>> queues(config.lanes);
  for (const ModelWindow& window : windows) {
    if (config.ilb_window == 1) {
      for (const auto& [lane, input] : window.inputs) {
        const uint32_t cost = input_cost(input, config.skip == lnpu::Skip::kBoth);
        if (cost > 0) queues[lane].push_back(cost);
      }
      continue;
    }
    uint32_t next = 0;
    for (const uint32_t rate : {2u, 1u}) {
      for (const auto& [lane, input] : window.inputs) {
        if (input_cost(input, config.skip == lnpu::Skip::kBoth) == rate) queues[next++ % config.lanes].push_back(rate);
      }
    }
  }
  uint64_t half_cycles = 0;
  std::vector<uint32_t> left(config.lanes, 0);
  for (;; ++half_cycles) {
    bool busy = false;
    for (uint32_t lane = 0; lane < config.lanes; ++lane) {
      if (left[lane] == 0 && !queues[lane].empty()) {
        left[lane] = queues[lane].front();
        queues[lane].pop_front();
      }
      if (left[lane] > 0) {
        --left[lane];
        busy = true;
      }
    }
    if (!busy) return half_cycles;
  }
}

}  // namespace backboard::npu::test
