// What can be chosen about the bus.
#pragma once

#include <bit>
#include <cstdint>
#include <vector>

#include "platform/bus/attribution.h"
#include "platform/config/fields.h"

namespace backboard {

/// Who is wired to the bus. `core` carries Initiator::core_code and core_data, the others the initiator of their name.
/// Traffic generators follow, in the order of the board's configuration.
enum class BusMaster : uint8_t { core, npu, dma, debug, traffic0 };
inline constexpr size_t kBusMasters = 4;
inline constexpr size_t kMostBusMasters = kBusMasters + kMostTraffic;
constexpr BusMaster traffic_master(size_t number) {
  return static_cast<BusMaster>(kBusMasters + number);
}
const char* name_of(BusMaster master);

/// A range of addresses that a master may use. A master without any window may use all; one with windows only these.
struct BusWindowConfig {
  BusMaster initiator = BusMaster::npu;
  uint64_t base = 0;
  uint64_t last = UINT32_MAX;  ///< inclusive
  bool read = true;
  bool write = true;

  template <class V>
  void fields(V& v) {
    v("initiator", initiator,
      Choices<BusMaster>{{"core", BusMaster::core}, {"npu", BusMaster::npu}, {"dma", BusMaster::dma}},
      "Bus master that the window is for");
    v("base", base, Range{0, INT64_MAX}, "First address");
    v("last", last, Range{0, INT64_MAX}, "Last address, inclusive");
    v("read", read, "Reads allowed");
    v("write", write, "Writes allowed");
  }
  void check() const {
    if (last < base) throw ConfigRule("last", "lies before base");
  }
};

/// Who goes first where several masters want one target (`timing: at`; platform/bus/arbiter).
enum class Arbitration : uint8_t { round_robin, fixed, weighted, deadline };

/// How one master is treated (`timing: at`).
struct BusMasterConfig {
  BusMaster initiator = BusMaster::npu;
  uint32_t outstanding = 16;
  uint32_t weight = 1;
  uint32_t priority = 0;

  template <class V>
  void fields(V& v) {
    v("initiator", initiator,
      Choices<BusMaster>{{"core", BusMaster::core}, {"npu", BusMaster::npu}, {"dma", BusMaster::dma}},
      "Bus master that this concerns");
    v("outstanding", outstanding, Range{1, 1024}, "Requests that the bus takes before it answers the first");
    v("weight", weight, Range{1, 1'000'000}, "Share of bytes under arbitration: weighted");
    v("priority", priority, Range{0, 255}, "Higher goes first under arbitration: fixed");
  }
};

/// A transaction costs `latency` cycles and one cycle for each `width` bytes of data. Each master has one read and one
/// write channel of that width: its transactions share them in the order in which they are made.
struct RouterConfig {
  uint64_t clock_hz = 200'000'000;
  uint32_t width_bytes = 16;
  uint32_t latency_cycles = 2;
  std::vector<BusWindowConfig> windows;
  // `timing: at` only.
  uint32_t target_width_bytes = 64;
  Arbitration arbitration = Arbitration::round_robin;
  std::vector<BusMasterConfig> masters;
  uint32_t generators = 0;  ///< masters behind the SoC's own; the board's to set, with their `masters`
  bool command_traffic = false;
  uint64_t starvation_ps = 1'000'000'000;

  template <class V>
  void fields(V& v) {
    v("clock", clock_hz, Hertz{1'000'000, 10'000'000'000}, "Clock of the bus");
    v("width", width_bytes, Range{1, 256}, "Data bytes that a channel moves in a cycle, a power of two");
    v("latency", latency_cycles, Range{0, 1000}, "Cycles from a master to a target and back");
    v("windows", windows, Count{0, 64}, "Access windows");
    v("command_traffic", command_traffic,
      "Bytes at the DRAM by command of the NPU and tensor class: traffic_commands.csv");
    v("target_width", target_width_bytes, Range{1, 1024},
      "timing at: data bytes that the port of a target moves in a cycle, a power of two");
    v("arbitration", arbitration,
      Choices<Arbitration>{{"round_robin", Arbitration::round_robin},
                           {"fixed", Arbitration::fixed},
                           {"weighted", Arbitration::weighted},
                           {"deadline", Arbitration::deadline}},
      "timing at: who goes first where several masters want one target");
    v("masters", masters, Count{0, 64}, "timing at: limits, weights and priorities of masters");
    v("starvation", starvation_ps, Picoseconds{1, 1'000'000'000'000},
      "timing at: a request that waits so long for its turn is reported");
  }
  void check() const {
    if (!std::has_single_bit(width_bytes)) throw ConfigRule("width", "must be a power of two");
    if (!std::has_single_bit(target_width_bytes)) throw ConfigRule("target_width", "must be a power of two");
  }
};

}  // namespace backboard
