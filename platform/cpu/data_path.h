// The core's way to memory: direct regions with a page cache in front, everything else a bus transaction.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "platform/bus/access.h"
#include "platform/cpu/core.h"
#include "platform/cpu/core_clock.h"
#include "platform/cpu/pmp.h"

namespace backboard {

/// How an access went.
enum class AccessKind : uint8_t {
  direct,  ///< in direct memory; nothing else on the board can have noticed
  bus,     ///< a transaction: devices may have scheduled events or raised interrupts
  fault,   ///< refused by PMP or the bus
};

struct AccessResult {
  AccessKind kind = AccessKind::fault;
  BusResponse response = BusResponse::ok;  ///< why the bus refused; ok when it was PMP
  uint32_t cycles = 0;                     ///< added by the memory or device, rounded up
};

/// Pages of direct memory whose every byte a privilege level may read (or write), cached by address, and what lies
/// behind them. Addresses are absolute and zero-extended. Counts direct bytes exactly, per region.
class DataPath {
 public:
  static constexpr uint64_t kPageBytes = 4096;
  static constexpr uint64_t kPageMask = ~(kPageBytes - 1);

  /// One cached page. Tags are page addresses, or kNoTag. A tag is compared with the address stripped of its offset
  /// but for the bits that an aligned access has zero, so that misaligned accesses never match.
  struct alignas(64) Page {
    uint64_t read_tag = kNoTag;
    uint64_t write_tag = kNoTag;
    uintptr_t host_minus_guest = 0;
    uint64_t read_bytes = 0;
    uint64_t write_bytes = 0;
    uint32_t read_cycles = 0;
    uint32_t write_cycles = 0;
    uint32_t region = 0;
  };
  static constexpr uint64_t kNoTag = UINT64_MAX;
  static constexpr unsigned kPages = 256;
  using PageTable = std::array<Page, kPages>;

  /// A direct region of the bus.
  struct Region {
    uint64_t first = 0;
    uint64_t last = 0;
    uint8_t* bytes = nullptr;  ///< nullptr: forgotten, kept for its counters
    bool readable = false;
    bool writable = false;
    uint32_t read_cycles = 0;
    uint32_t write_cycles = 0;
    uint64_t data_read_bytes = 0;
    uint64_t data_write_bytes = 0;
    uint64_t code_read_bytes = 0;
  };
  static constexpr uint32_t kNoRegion = UINT32_MAX;

  DataPath(BusPort& bus, const Pmp& pmp, const CoreClock& clock, bool use_direct_memory)
      : bus_(bus), pmp_(pmp), clock_(clock), use_direct_memory_(use_direct_memory) {}

  PageTable& pages(bool machine_mode) { return pages_[machine_mode ? 0 : 1]; }

  /// A load or store of 1, 2, 4 or 8 bytes at any address; `time_ps` is the start of the instruction.
  AccessResult read(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t time_ps, void* value);
  AccessResult write(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t time_ps, const void* value);

  /// Instruction bytes outside direct memory.
  AccessResult fetch(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t time_ps, void* value);
  /// The index of the direct region that holds [address, address + size_bytes), kNoRegion if there is none.
  uint32_t region_of(uint64_t address, unsigned size_bytes);
  Region& region(uint32_t index) { return regions_[index]; }

  /// Empties the page cache: privileges, exclusions or regions have changed.
  void flush_pages();
  void exclude(uint64_t first, uint64_t last);
  void forget_regions();
  /// Looks at every access to the pages of these ranges; how it is carried out does not change.
  void watch(std::vector<Watchpoint> watchpoints);
  bool watch_was_hit() const { return hit_.has_value(); }
  std::optional<WatchHit> take_watch_hit() { return std::exchange(hit_, std::nullopt); }
  /// Largest latency of any region so far; a bound for the time limit of a block.
  uint32_t largest_latency_cycles() const { return largest_latency_cycles_; }

  std::vector<DirectTraffic> traffic();
  void state(StateArchive& archive);

 private:
  struct Range {
    uint64_t first;
    uint64_t last;
  };
  bool excluded(uint64_t address, uint64_t size_bytes) const;
  bool watched(uint64_t address, uint64_t size_bytes) const;
  AccessResult look(AccessResult result, WatchKind kind, uint64_t address, unsigned size_bytes);
  void collect(Page& page);
  void cache_page(uint64_t address, bool machine_mode, uint32_t region_index);
  AccessResult transact(BusOp op, Initiator initiator, uint64_t address, unsigned size_bytes, uint64_t time_ps,
                        uint8_t* data);

  BusPort& bus_;
  const Pmp& pmp_;
  const CoreClock& clock_;
  bool use_direct_memory_;
  std::array<PageTable, 2> pages_;
  std::vector<Region> regions_;
  std::vector<Range> exclusions_;
  std::vector<Watchpoint> watchpoints_;
  std::optional<WatchHit> hit_;
  static constexpr unsigned kNegativeEntries = 64;
  std::array<uint64_t, kNegativeEntries> not_direct_ = filled_negative();  ///< 64-byte lines known to be devices
  static std::array<uint64_t, kNegativeEntries> filled_negative() {
    std::array<uint64_t, kNegativeEntries> lines;
    lines.fill(UINT64_MAX);
    return lines;
  }
  uint32_t last_region_ = 0;
  uint32_t largest_latency_cycles_ = 0;
};

}  // namespace backboard
