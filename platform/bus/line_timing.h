// How long lines of a cache take in a memory.
#pragma once

#include <cstdint>

#include "platform/bus/access.h"

namespace backboard {

/// The side of a memory that is asked for the time of a line, whose bytes somebody else copies. It belongs to a
/// BusTarget.
class LineTiming {
 public:
  virtual ~LineTiming() = default;
  /// False: every line is to be an access.
  virtual bool times_lines() const = 0;
  /// `size` bytes at `address`, which lie in the memory whole, reach it at `time_ps`. Gives the time at which they have
  /// passed, and counts them: all that BusTarget::access does but for the bytes.
  virtual uint64_t time_line(BusOp op, uint64_t address, uint32_t size, Initiator initiator, uint64_t time_ps) = 0;
};

}  // namespace backboard
