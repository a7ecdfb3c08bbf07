// What a traffic generator wants to move and when; how it gets there is the generator's business.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "platform/bus/access.h"
#include "platform/bus/request.h"
#include "platform/state/archive.h"
#include "platform/stats/stats_writer.h"
#include "platform/traffic/traffic_config.h"

namespace backboard {

/// One request that a pattern wants made.
struct TrafficPiece {
  uint64_t number = 0;  ///< the pattern's own, for `answered`
  uint64_t address = 0;
  BusOp op = BusOp::read;
  uint64_t deadline_ps = kNoDeadline;
};

/// Something that goes wrong for the pattern's owner: pixels lost, say. Empty: nothing did.
using TrafficMishap = const char*;

class TrafficPattern : public Saved {
 public:
  /// When something happens by itself next (a piece of a line arrives or is shown, a burst begins); kNever: not any
  /// more.
  virtual uint64_t next_time_ps() const = 0;
  /// What was due at `now_ps` happens. Says what went wrong, nullptr if nothing.
  virtual TrafficMishap advance(uint64_t now_ps) = 0;
  /// The next request that may be made at `now_ps`. Each is given once.
  virtual std::optional<TrafficPiece> next(uint64_t now_ps) = 0;
  virtual void answered(uint64_t number) { static_cast<void>(number); }
  virtual void stats(const StatsWriter& writer) const { static_cast<void>(writer); }
};

/// Throws InputError for a trace that cannot be read or leaves the generator's memory.
std::unique_ptr<TrafficPattern> make_traffic_pattern(const TrafficConfig& config);

// Each kind's, by its config.
std::unique_ptr<TrafficPattern> make_camera(const TrafficConfig& config);
std::unique_ptr<TrafficPattern> make_display(const TrafficConfig& config);
std::unique_ptr<TrafficPattern> make_bursty(const TrafficConfig& config);
std::unique_ptr<TrafficPattern> make_random(const TrafficConfig& config);
std::unique_ptr<TrafficPattern> make_trace(const TrafficConfig& config);

}  // namespace backboard
