// When a rank without work is powered down.
#pragma once

#include <cstdint>
#include <memory>

#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

/// Asked while no request waits and no row is to be closed. What comes then, a request or a refresh, ends it.
class PowerPlan {
 public:
  virtual ~PowerPlan() = default;
  /// The clock from which the rank may be powered down, if its last command, or the refresh that it began, was over at
  /// `quiet_since` and none comes before; UINT64_MAX: never.
  virtual uint64_t down_from(uint64_t quiet_since) const = 0;
};

std::unique_ptr<PowerPlan> make_power_plan(const ControllerConfig& config);

}  // namespace backboard::dram
