// Which queued request a bank works on.
#pragma once

#include <memory>

#include "platform/dram/controller/request_buffer.h"
#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

/// Order of service within a bank. Between banks the controller takes the command that ends first, the oldest request's
/// among equals.
class Scheduler {
 public:
  virtual ~Scheduler() = default;
  /// Called after every change of the buffer. Returns whether all banks must be asked again.
  virtual bool buffer_changed(const RequestBuffer&) { return false; }
  /// Called after every column command, before the request leaves the buffer. Returns as `buffer_changed` does.
  virtual bool served(const BurstRequest&) { return false; }
  /// What it remembers of earlier decisions.
  virtual void state(StateArchive& /*archive*/) {}
  /// The request to work on in `bank`, whose open row is `row` (kNoRow: none), or kNoSlot for none at present.
  virtual Slot select(const RequestBuffer& buffer, unsigned bank, uint32_t row) const = 0;
};

std::unique_ptr<Scheduler> make_scheduler(const ControllerConfig& config, unsigned banks);

}  // namespace backboard::dram
