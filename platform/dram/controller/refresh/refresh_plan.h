// When what is refreshed.
#pragma once

#include <cstdint>
#include <memory>

#include "platform/dram/standard/memory_config.h"
#include "platform/state/archive.h"

namespace backboard::dram {

/// The next refresh. From `due` on, the banks concerned get no other command until it is issued.
class RefreshPlan {
 public:
  virtual ~RefreshPlan() = default;
  /// Clock from which the next refresh wants to be issued; UINT64_MAX: never.
  virtual uint64_t due() const = 0;
  /// Whether it concerns all banks.
  virtual bool all_banks() const = 0;
  /// The bank, where it concerns one.
  virtual unsigned bank() const = 0;
  virtual void issued() = 0;
  virtual void state(StateArchive& /*archive*/) {}
};

std::unique_ptr<RefreshPlan> make_refresh_plan(const MemoryConfig& config);

}  // namespace backboard::dram
