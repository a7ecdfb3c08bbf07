// What crosses the bus, told apart from how it is carried (TLM): the pure C++ side of every device and master.
#pragma once

#include <cstdint>
#include <optional>

#include "platform/bus/attribution.h"

namespace backboard {

enum class BusOp : uint8_t { read, write };

/// The response of the silicon. `decode`: no target at the address; `denied`: the initiator's window does not
/// cover it; `target`: the target refuses (bad size, read-only, not present).
enum class BusResponse : uint8_t { ok, decode, denied, target };

/// One access as a target sees it. `address` is relative to the target's base.
struct BusAccess {
  BusOp op = BusOp::read;
  uint64_t address = 0;
  uint8_t* data = nullptr;  ///< `size` bytes, to be filled (read) or taken (write)
  uint32_t size = 0;        ///< bytes
  uint64_t time_ps = 0;     ///< simulated time at which the access reaches the target
  Attribution who;
  bool debug = false;  ///< from a debugger or loader: no side effects, no time, no statistics
};

/// Memory that a master may touch without a transaction (TLM's DMI), relative to the target's base.
struct DirectRegion {
  uint8_t* bytes = nullptr;
  uint64_t first = 0;
  uint64_t last = 0;  ///< inclusive
  bool readable = true;
  bool writable = true;
  uint64_t read_latency_ps = 0;
  uint64_t write_latency_ps = 0;
};

/// A device or memory. Pure C++; platform/tlm gives it a socket.
class BusTarget {
 public:
  virtual ~BusTarget() = default;
  /// Carries the access out at `access.time_ps` and adds the time that it takes to `delay_ps`. Never waits.
  virtual BusResponse access(BusAccess& access, uint64_t& delay_ps) = 0;
  /// The direct region around `address`, if the target offers one.
  virtual std::optional<DirectRegion> direct(uint64_t address) {
    static_cast<void>(address);
    return std::nullopt;
  }
};

/// What a bus master holds: its way into the bus. `address` in the access is absolute.
class BusPort {
 public:
  virtual ~BusPort() = default;
  virtual BusResponse access(BusAccess& access, uint64_t& delay_ps) = 0;
  /// The direct region around an absolute address (region limits absolute as well).
  virtual std::optional<DirectRegion> direct(uint64_t address) = 0;
};

/// An interrupt wire.
class IrqSink {
 public:
  virtual ~IrqSink() = default;
  virtual void set_level(uint32_t line, bool level) = 0;
};

}  // namespace backboard
