// What the asynchronous bus counts for a master and for a target. Plain data.
#pragma once

#include <array>
#include <cstdint>

#include "platform/state/archive.h"
#include "platform/stats/distribution.h"
#include "platform/stats/stats_writer.h"

namespace backboard {

/// Requests of one master from submission to answer. Waiting is told apart by what it waited for; what is left of a
/// latency is the target's time and the way.
struct MasterAccount {
  uint64_t read_bytes = 0, write_bytes = 0;
  Distribution read_latency_ns, write_latency_ns;
  uint64_t depth_ps = 0;  ///< sum over requests of their time in flight
  uint64_t largest_depth = 0;
  uint64_t blocked_ps = 0;      ///< the master could submit none: all it may have outstanding were
  uint64_t queue_ps = 0;        ///< behind the master's own requests
  uint64_t arbitration_ps = 0;  ///< at the head, the target ready: others were granted
  uint64_t target_ps = 0;       ///< at the head, the target not ready
  uint64_t channel_ps = 0;      ///< for a data channel
  uint64_t deadlines = 0, deadlines_missed = 0;
  uint64_t starved = 0;
  uint64_t contended_bytes = 0;   ///< granted while others contended for the same target
  uint64_t fair_bytes_x1024 = 0;  ///< part by weight of all that was granted while this master contended with others

  void stats(const StatsWriter& part, uint64_t time_ps) const;
  void state(StateArchive& archive);
};

/// The port of one target.
struct TargetAccount {
  uint64_t requests = 0;
  uint64_t read_busy_ps = 0, write_busy_ps = 0;  ///< its data channels
  uint64_t not_ready_ps = 0;

  void stats(const StatsWriter& part, uint64_t time_ps) const;
};

}  // namespace backboard
