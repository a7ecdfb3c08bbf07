#include "platform/dram/controller/scheduler/scheduler.h"

#include "platform/check/check.h"
#include "platform/dram/controller/scheduler/fifo.h"
#include "platform/dram/controller/scheduler/frfcfs.h"
#include "platform/dram/controller/scheduler/frfcfs_direction.h"
#include "platform/dram/controller/scheduler/frfcfs_grouped.h"

namespace backboard::dram {

std::unique_ptr<Scheduler> make_scheduler(const ControllerConfig& config, unsigned banks) {
  switch (config.scheduler) {
    case SchedulerKind::fifo:
      return std::make_unique<Fifo>();
    case SchedulerKind::frfcfs:
      return std::make_unique<FrFcfs>();
    case SchedulerKind::frfcfs_direction:
      return std::make_unique<FrFcfsDirection>();
    case SchedulerKind::frfcfs_grouped:
      return std::make_unique<FrFcfsGrouped>(config, banks);
  }
  BB_CHECK(false, "scheduler {}", static_cast<int>(config.scheduler));
}

}  // namespace backboard::dram
