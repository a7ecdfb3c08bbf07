#include "platform/dram/controller/power/power_plan.h"

#include "platform/check/check.h"

namespace backboard::dram {
namespace {

class NoPowerDown final : public PowerPlan {
 public:
  uint64_t down_from(uint64_t) const override { return UINT64_MAX; }
};

/// After so many clocks without a command. Rows that are open stay open: active power-down.
class IdlePowerDown final : public PowerPlan {
 public:
  explicit IdlePowerDown(uint64_t clocks) : clocks_(clocks) {}
  uint64_t down_from(uint64_t quiet_since) const override { return quiet_since + clocks_; }

 private:
  uint64_t clocks_;
};

}  // namespace

std::unique_ptr<PowerPlan> make_power_plan(const ControllerConfig& config) {
  switch (config.power_down) {
    case PowerKind::off:
      return std::make_unique<NoPowerDown>();
    case PowerKind::idle:
      return std::make_unique<IdlePowerDown>(config.power_down_after);
  }
  BB_CHECK(false, "power plan {}", static_cast<int>(config.power_down));
}

}  // namespace backboard::dram
