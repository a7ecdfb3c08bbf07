// Who goes first where several masters want one target.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "platform/bus/router_config.h"
#include "platform/state/archive.h"

namespace backboard {

/// A request at the head of its master's queue.
struct Contender {
  uint8_t master = 0;
  uint32_t size_bytes = 0;
  uint64_t deadline_ps = UINT64_MAX;
};

/// What arbitration knows of a master, by number of its bus port.
struct MasterShare {
  uint32_t weight = 1;
  uint32_t priority = 0;
};

/// One target's arbiter. Decisions depend on the contenders and on earlier decisions only.
class Arbiter {
 public:
  virtual ~Arbiter() = default;
  /// The index of the contender that is served; there is at least one. Contenders come in the order of their masters.
  virtual size_t pick(std::span<const Contender> contenders) = 0;
  virtual void state(StateArchive& archive) = 0;
};

/// round_robin: the master after the one served last. fixed: the highest priority, in turn among equals. weighted:
/// bytes in proportion to weights, by stride scheduling (Waldspurger and Weihl, "Stride Scheduling", MIT 1995); a
/// master that was idle gets no credit for it, but keeps what it was behind or ahead. deadline: the earliest deadline,
/// in turn among equals; requests without one come last.
std::unique_ptr<Arbiter> make_arbiter(Arbitration arbitration, std::vector<MasterShare> masters);

}  // namespace backboard
