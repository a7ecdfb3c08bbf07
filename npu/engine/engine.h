// The engine contract: Offer, Schedule, Compute, Cost. The sequencer, DMA, the device, the plan compiler and the driver
// know no engine by name. Engines are rows of npu/engine/table.cc.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "npu/command/job.h"
#include "npu/engine/local_buffer.h"
#include "npu/engine/offer.h"
#include "npu/engine/schedule.h"

namespace backboard::npu {

struct Facts;    // npu/engine/facts.h
class HostPool;  // npu/engine/host_pool.h
struct Price;    // npu/engine/cost.h

/// A schedule, or why there is none.
struct Planned {
  Schedule schedule;
  ErrorCode error = ErrorCode::kNONE;  ///< kTILE or kBUFFER; of a group kGROUP
  uint8_t detail = 0;                  ///< byte offset of the field of the command
  uint8_t command = 0;                 ///< of a group: which one
};

/// A training engine. All functions are pure but for the tiles that compute() writes; engines keep no state between
/// steps, so there is nothing of them to save.
class Engine {
 public:
  virtual ~Engine() = default;
  virtual const Offer& offer() const = 0;
  /// Turns a valid job into steps that fit in `buffer_bytes`.
  virtual Planned plan(const Job& job, uint32_t buffer_bytes) const = 0;
  /// Turns the valid jobs of a group into steps; called when the offer says that groups run together.
  virtual Planned plan_group(std::span<const Job> jobs, uint32_t buffer_bytes) const;
  /// Whether the multipliers want the class of each element of their operands.
  virtual bool wants_classes() const = 0;
  /// Carries out one compute step on the slots and says what happened. Gives kLABEL for labels or pooling indices in
  /// guest memory that name nothing; then no result counts.
  virtual ErrorCode compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const = 0;
  /// As compute(), but values may still be in the making when it returns, on other threads of the host. `facts` then
  /// has all that is priced; saturated and non-finite elements may be missing. One step at a time; job, step and buffer
  /// must stay as they are, and nobody may touch the values of the step's slots, until finish().
  virtual ErrorCode begin(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const {
    return compute(job, step, buffer, facts);
  }
  /// Returns when the step that was begun is complete, and adds to `facts` what begin() left open. Without one:
  /// nothing.
  virtual void finish(LocalBuffer& /*buffer*/, Facts& /*facts*/) const {}
  /// Threads of the host for what goes on beside the step; null: none but the caller's.
  virtual HostPool* host_pool() const { return nullptr; }
  /// Cycles by unit and picojoules by cause of what happened; pure.
  virtual Price price(const Facts& facts) const = 0;
};

/// The schedule of what runs together: one command, or a group.
Planned plan_jobs(const Engine& engine, std::span<const Job> jobs, uint32_t buffer_bytes);

}  // namespace backboard::npu
