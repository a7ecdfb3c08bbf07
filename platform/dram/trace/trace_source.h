// Requests of a trace, one after the other.
#pragma once

#include <cstdint>

namespace backboard::dram {

struct TraceRequest {
  uint64_t cycle = 0;  ///< memory clock at which it is offered at the earliest
  uint64_t address = 0;
  bool write = false;
};

class TraceSource {
 public:
  virtual ~TraceSource() = default;
  /// Gives the next request; false at the end. Cycles never decrease.
  virtual bool next(TraceRequest& request) = 0;
};

}  // namespace backboard::dram
