// What ends a run, or starts the board again, from inside the board.
#pragma once

#include <cstdint>

namespace backboard {

enum class EndCause : uint8_t {
  passed,          ///< the guest said so: test finisher
  failed,          ///< the guest said so, with a code
  reset,           ///< the guest asked for a reset
  watchdog_reset,  ///< the second expiry of the watchdog
};

/// Told by devices that the run is over, or that the board is to start again (both resets). Of calls that end, the
/// first counts.
class EndSink {
 public:
  virtual ~EndSink() = default;
  virtual void end(EndCause cause, int exit_code, uint64_t time_ps) = 0;
};

}  // namespace backboard
