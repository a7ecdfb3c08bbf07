#include "npu/engine/lnpu/lanes.h"

#include <algorithm>

namespace backboard::npu::lnpu {

bool LnpuConfig::valid() const {
  return cores >= 1 && cores <= kMaxCores && lanes >= 1 && lanes <= 64 && multipliers_per_lane >= 1 &&
         multipliers_per_lane <= 64 && ilb_window >= 1 && ilb_window <= 256 && elementwise_per_cycle >= 1;
}

CoreGrid core_grid(const LnpuConfig& config, uint32_t groups) {
  uint32_t columns = std::min(config.cores, std::max(groups, 1u));
  while (config.cores % columns != 0) --columns;
  return {columns, config.cores / columns};
}

RowPlan row_plan(const LnpuConfig& config, uint32_t width) {
  RowPlan plan;
  plan.balanced = config.ilb_window > 1;
  if (!plan.balanced) {
    plan.segments = width >= config.lanes ? config.lanes : 1;
    return plan;
  }
  const uint32_t inputs = config.ilb_window * config.lanes;
  if (width == 1) {
    plan.rows_per_window = inputs;
    return plan;
  }
  plan.segments = (width + inputs - 1) / inputs;
  plan.rows_per_window = plan.segments == 1 ? inputs / width : 1;
  return plan;
}

uint32_t steps_per_window(const LnpuConfig& config, uint32_t positions) {
  if (config.ilb_window == 1 || positions == 0) return 1;
  const uint32_t inputs = std::min(config.ilb_window * config.lanes, 255u);
  uint32_t steps = 1;
  while (2 * steps * positions <= inputs) steps *= 2;
  return steps;
}

uint32_t channels_per_window(const LnpuConfig& config, uint32_t positions) {
  if (config.ilb_window == 1 || positions == 0) return 1;
  return std::max(1u, config.ilb_window * config.lanes / positions);
}

}  // namespace backboard::npu::lnpu
