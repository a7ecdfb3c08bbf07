// Between picoseconds and the kernel's time.
#pragma once

#include <systemc>

#include "platform/check/check.h"

namespace backboard {

/// The kernel counts in picoseconds, its default; every adapter checks it once.
inline void check_resolution() {
  BB_CHECK(sc_core::sc_get_time_resolution() == sc_core::sc_time(1, sc_core::SC_PS), "resolution is not 1 ps");
}

inline uint64_t kernel_time_ps() {
  return sc_core::sc_time_stamp().value();
}
inline sc_core::sc_time time_of_ps(uint64_t time_ps) {
  return sc_core::sc_time::from_value(time_ps);
}

}  // namespace backboard
