// The core's way to memory: level-1 caches, direct regions, everything else a bus transaction; and the table of what
// the interpreter may touch without asking.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <new>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/device_lane.h"
#include "platform/bus/memory_lane.h"
#include "platform/cache/cache.h"
#include "platform/cpu/core.h"
#include "platform/cpu/core_clock.h"
#include "platform/cpu/memory_requests.h"
#include "platform/cpu/pmp.h"
#include "platform/memory/backing_store.h"
#include "platform/memory/memory_access.h"

namespace backboard {

/// How an access went.
enum class AccessKind : uint8_t {
  direct,  ///< in direct memory; nothing else on the board can have noticed
  bus,     ///< a transaction: devices may have scheduled events or raised interrupts
  fault,   ///< refused by PMP or the bus
  wait,    ///< asked for by a request: nothing was done, and the instruction begins anew when the core is told
};

struct AccessResult {
  AccessKind kind = AccessKind::fault;
  BusResponse response = BusResponse::ok;  ///< why the bus refused; ok when it was PMP
  uint32_t cycles = 0;                     ///< added by the memory or device, rounded up
};

/// Granules of memory whose every byte a privilege level may read (or write), by address, and what lies behind them:
/// pages of direct memory, or lines of the data cache where there is one. Addresses are absolute and zero-extended.
/// Counts direct bytes exactly, per region.
///
/// Of a data cache the table holds lines that are there, so that what it answers is a hit; ages and counts of hits, and
/// that a store has made its line dirty, are kept in the table until somebody needs them. Misses, stores that are
/// written through, maintenance and everything uncached go through the functions.
class DataPath {
 public:
  static constexpr uint64_t kPageBytes = 4096;

  /// One granule. Tags are addresses of granules, or kNoTag. A tag is compared with the address stripped of its offset
  /// but for the bits that an aligned access has zero, so that misaligned accesses never match.
  struct alignas(64) Page {
    uint64_t read_tag = kNoTag;
    uint64_t write_tag = kNoTag;
    uintptr_t host_minus_guest = 0;
    uint64_t reads = 0;  ///< bytes of a page, accesses to a line
    uint64_t writes = 0;
    uint32_t read_cycles = 0;
    uint32_t write_cycles = 0;
    uint32_t owner = 0;              ///< index of the region of a page; slot of a line
    uint32_t size_mask = kOfRegion;  ///< an access counts as (bytes - 1 & size_mask) + 1
  };
  static_assert(sizeof(Page) == 64);
  static constexpr uint32_t kOfRegion = UINT32_MAX, kOfCache = 0;
  static constexpr uint64_t kNoTag = UINT64_MAX;
  static constexpr unsigned kPages = 1024;
  /// The granules of a privilege level. Pages lie by their numbers. With a data cache there is one for each of its
  /// slots, which that of a line is, if it is there at all, says a table of places; only its tags say that it is.
  /// Behind them lie those of memory that is not cached, by their addresses. When a line was used last lies apart, so
  /// that the victim of a set is found without a look at the granules.
  class Table {
   public:
    /// `slots` of the data cache; 0: there is none.
    explicit Table(uint32_t slots);
    Page* granules() const { return granules_; }
    std::span<Page> all() const { return {granules_, count_}; }
    // Lines are named by their first addresses.
    /// The granule for `line` of uncached memory.
    Page& uncached(uint64_t line) const { return granules_[count_ - kPages + place_of(line)]; }
    /// Clock edges, by slot.
    uint64_t* last_uses() const { return last_uses_; }
    /// From now on that of `line` is looked for in the granule of `slot`.
    void point(uint64_t line, uint32_t slot) {
      const uint32_t place = slot * kPlace;
      std::memcpy(at(granules_, place_offset(line)), &place, sizeof place);
    }
    // For who knows where granules and last uses begin.
    /// kPlace times the slot where `line` is looked for. It may be any address: the tag is another then.
    static uint32_t place(Page* granules, uint64_t line) {
      uint32_t place;
      std::memcpy(&place, at(granules, place_offset(line)), sizeof place);
      return place;
    }
    static Page& granule(Page* granules, uint32_t place) { return granules[place / kPlace]; }
    static uint64_t& last_use(uint64_t* last_uses, uint32_t place) { return last_uses[place / kPlace]; }
    // The table of places lies before the granules, 32 bits each, and the last uses before it.
    static constexpr uint32_t kPlace = 8;
    static constexpr int64_t kPlacesBytes = int64_t{kPages} * 4;
    static constexpr int64_t last_uses_offset(uint32_t slots) { return -kPlacesBytes - int64_t{slots} * 8; }
    /// Streams often lie a power of two apart, so places are the upper bits of products: of 64 times the factor, in
    /// 2^32, which is the golden ratio, so that lines behind one another spread evenly (Knuth, The Art of Computer
    /// Programming, volume 3, 6.4).
    static constexpr uint32_t kPlaceFactor = 41475559, kPlaceShift = 22;
    static constexpr uint32_t place_of(uint64_t line) {
      return static_cast<uint32_t>(line) * kPlaceFactor >> kPlaceShift;
    }

   private:
    struct Free {
      void operator()(std::byte* bytes) const { ::operator delete (bytes, std::align_val_t{alignof(Page)}); }
    };
    static std::byte* at(Page* granules, int64_t offset) { return reinterpret_cast<std::byte*>(granules) + offset; }
    static int64_t place_offset(uint64_t line) { return int64_t{place_of(line)} * 4 - kPlacesBytes; }
    uint32_t count_;
    std::unique_ptr<std::byte, Free> bytes_;
    Page* granules_;
    uint64_t* last_uses_;
  };
  static_assert(kPages == uint64_t{1} << (32 - Table::kPlaceShift));
  /// Where a page lies.
  static uint64_t page_index(uint64_t address) { return address / kPageBytes % kPages; }

  /// A direct region of the bus.
  struct Region {
    uint64_t first = 0;
    uint64_t last = 0;
    uint8_t* bytes = nullptr;  ///< nullptr: forgotten, kept for its counters
    bool readable = false;
    bool writable = false;
    bool cacheable = false;
    uint32_t read_cycles = 0;
    uint32_t write_cycles = 0;
    uint64_t data_read_bytes = 0;
    uint64_t data_write_bytes = 0;
    uint64_t code_read_bytes = 0;
    BusPort* lines = nullptr;    ///< by which its lines go
    MemoryLane* lane = nullptr;  ///< nullptr: they go by the bus
    bool holds(uint64_t address, unsigned size_bytes) const {
      const uint64_t end = address + (size_bytes - 1);
      return bytes && address >= first && end <= last && end >= address;
    }
  };
  static constexpr uint32_t kNoRegion = UINT32_MAX;

  DataPath(BusPort& bus, const Pmp& pmp, const CoreClock& clock, const CoreConfig& config);

  /// From now on memory in these ranges is reached by requests (MemoryRequests), and accesses may have to wait.
  void use_requests(RequestPort& port, std::vector<CoreConfig::MemoryRange> ranges,
                    std::function<void(uint64_t time_ps)> on_progress) {
    requests_.emplace(port, std::move(ranges), std::move(on_progress));
  }
  /// The instruction that waited is through, or given up.
  void forget_answers() {
    if (requests_) requests_->forget_answers();
  }
  const Table& table(bool machine_mode) const { return tables_[machine_mode ? 0 : 1]; }
  /// An access that a granule of the table allows was carried out.
  void count(Page& page, BusOp op, unsigned size_bytes, bool machine_mode, uint64_t clock) {
    (op == BusOp::write ? page.writes : page.reads) += ((size_bytes - 1) & page.size_mask) + 1;
    if (page.size_mask == kOfCache) table(machine_mode).last_uses()[page.owner] = clock;
  }
  /// A granule of the table has 2^granule_shift() bytes: a page, or a line of the data cache.
  unsigned granule_shift() const { return granule_shift_; }

  /// A load or store of 1, 2, 4 or 8 bytes at any address; the instruction starts at edge `clock`. `value` has room for
  /// eight bytes.
  AccessResult read(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock, void* value) {
    DeviceLane* const lane = device_lane(BusOp::read, address, size_bytes);
    return lane == nullptr ? read_slowly(address, size_bytes, machine_mode, clock, value)
                           : read(*lane, address, size_bytes, machine_mode, clock, value);
  }
  AccessResult write(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock, const void* value) {
    DeviceLane* const lane = device_lane(BusOp::write, address, size_bytes);
    return lane == nullptr ? write_slowly(address, size_bytes, machine_mode, clock, value)
                           : write(*lane, address, size_bytes, machine_mode, clock, value);
  }
  /// The lane of a device, never of memory, that is known to take a load or store; nullptr when there is none.
  DeviceLane* device_lane(BusOp op, uint64_t address, unsigned size_bytes) const {
    DeviceLane* const lane = known_lane(address);
    return lane != nullptr && lane->takes(op, address, size_bytes) ? lane : nullptr;
  }
  /// The same by that lane.
  AccessResult read(DeviceLane& lane, uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                    void* value) {
    if (!pmp_.allows(address, size_bytes, PmpAccess::read, machine_mode)) return {};
    const AccessResult result =
        cross(lane, BusOp::read, address, size_bytes, clock_.time_ps(clock), static_cast<uint8_t*>(value));
    return look(result, WatchKind::read, address, size_bytes);
  }
  AccessResult write(DeviceLane& lane, uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                     const void* value) {
    if (!pmp_.allows(address, size_bytes, PmpAccess::write, machine_mode)) return {};
    uint8_t bytes[8];
    std::memcpy(bytes, value, sizeof bytes);
    return look(cross(lane, BusOp::write, address, size_bytes, clock_.time_ps(clock), bytes), WatchKind::write, address,
                size_bytes);
  }

  /// The short way of a miss (cached_path.cc): an aligned load or store whose line is not there, of which nobody could
  /// notice anything. Brings the line, counts the access, and gives its place, cycles and kind, as `read` or `write`
  /// would; the caller moves the bytes. A line that is there, and was looked for in another place, is found. Without a
  /// place nothing is done, and the others are to be called.
  struct BroughtLine {
    uint8_t* place = nullptr;
    uint64_t cycles = 0;
    AccessKind kind = AccessKind::bus;
  };
  BroughtLine bring_at_once(BusOp op, uint64_t address, bool machine_mode, uint64_t clock);
  template <BusOp kOp>
  BroughtLine bring_usual_line(uint64_t address, bool machine_mode, uint64_t clock);  ///< the same (usual_line.h)
  /// Counts those lines, in the cache and in what lies behind it: to be called before anybody looks at bus or memory.
  void settle_lines();

  /// Instruction bytes outside direct memory.
  AccessResult fetch(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock, void* value);
  /// The index of the direct region that holds [address, address + size_bytes), kNoRegion if there is none.
  uint32_t region_of(uint64_t address, unsigned size_bytes) {
    if (last_region_ < regions_.size() && regions_[last_region_].holds(address, size_bytes)) return last_region_;
    return find_region(address, size_bytes);
  }
  Region& region(uint32_t index) { return regions_[index]; }

  /// Empties the page cache: privileges, exclusions or regions have changed.
  void flush_pages();
  void exclude(uint64_t first, uint64_t last);
  void forget_regions();

  // One region whose pages may be touched without asking for more than a byte of a table (HomeMemory).
  /// The largest region that may be read and written, kNoRegion when there is none. The question ends
  /// regions_have_changed.
  uint32_t largest_region();
  /// Whether there is another region, or there are none any more, since largest_region was asked.
  bool regions_have_changed() const { return regions_changed_; }
  /// Makes `region` the home; its pages are entered as they are met. False when the host has no room for the tables.
  bool set_home(uint32_t region);
  /// What may be done with the bytes of a page of the home region.
  static constexpr uint8_t kMayRead = 1, kMayWrite = 2;
  /// That of each page of the 32-bit address space; nothing, outside the home region. Then three times as many zeros:
  /// misaligned accesses look there (home_place).
  const uint8_t* home_pages(bool machine_mode) const {
    const auto& table = home_pages_[machine_mode ? 0 : 1];
    return table ? table->bytes() : kNoHomePages;
  }
  /// Looks at every access to the pages of these ranges; how it is carried out does not change.
  void watch(std::vector<Watchpoint> watchpoints);
  bool watch_was_hit() const { return hit_.has_value(); }
  std::optional<WatchHit> take_watch_hit() { return std::exchange(hit_, std::nullopt); }
  /// Largest latency of any region so far; a bound for the time limit of a block.
  uint32_t largest_latency_cycles() const { return largest_latency_cycles_; }

  // Caches (cached_path.cc). Ages are clock edges: `clock` is the one at which the instruction starts.
  bool has_caches() const { return has_caches_; }
  /// nullptr when there is none.
  Cache* code_cache() { return code_cache_ ? &*code_cache_ : nullptr; }
  Cache* data_cache() { return data_cache_ ? &*data_cache_ : nullptr; }
  /// Whether fetches at `address` of direct region `region` go through the code cache.
  bool caches_code(uint64_t address, uint32_t region) const {
    return code_cache_ && region != kNoRegion &&
           caches_line(*code_cache_, code_cache_->line_of(address), regions_[region]);
  }
  /// Makes sure that `line` is in the code cache, and younger than all others. `direct` when it was there.
  AccessResult fetch_line(uint64_t line, uint64_t clock);
  /// Zicbom, on the cache block that starts at `block`.
  AccessResult maintain(CacheOperation operation, uint64_t block, uint64_t clock);
  /// FENCE.I: dirty lines go to memory, the code cache is emptied.
  AccessResult synchronize_code(uint64_t clock);
  /// Reset: nothing is there, nothing is written back.
  void reset_caches();
  /// Adds what the table holds to the caches' counters and ages.
  void collect_pages();
  /// Another master read or wrote memory. Finds mistakes in maintenance; changes nothing.
  void snoop(BusOp op, uint64_t first, uint64_t size_bytes, Initiator initiator);
  void on_stale_line(std::function<void(const StaleLine&)> callback) { stale_line_ = std::move(callback); }
  /// A debugger's view: bytes that lie in lines of the data cache take the place of those of memory.
  void overlay(uint64_t address, std::span<uint8_t> bytes);
  /// A loader or debugger wrote to memory: lines follow.
  void refresh(uint64_t first, uint64_t last);

  std::vector<DirectTraffic> traffic();
  void state(StateArchive& archive);

 private:
  struct Range {
    uint64_t first;
    uint64_t last;
  };
  /// A copy whose size is mostly that of a word.
  static void copy_value(void* to, const void* from, unsigned size_bytes) {
    size_bytes == 4 ? std::memcpy(to, from, 4) : std::memcpy(to, from, size_bytes);
  }
  bool excluded(uint64_t address, uint64_t size_bytes) const {
    return !exclusions_.empty() && excluded_closely(address, size_bytes);
  }
  bool excluded_closely(uint64_t address, uint64_t size_bytes) const;
  bool watched(uint64_t address, uint64_t size_bytes) const {
    return !watchpoints_.empty() && watched_closely(address, size_bytes);
  }
  bool watched_closely(uint64_t address, uint64_t size_bytes) const;
  AccessResult look(AccessResult result, WatchKind kind, uint64_t address, unsigned size_bytes) {
    return watchpoints_.empty() ? result : look_closely(result, kind, address, size_bytes);
  }
  AccessResult look_closely(AccessResult result, WatchKind kind, uint64_t address, unsigned size_bytes);
  void collect(Page& page) {
    if (page.reads + page.writes != 0) count(page);
  }
  void count(Page& page);
  void count_line(Page& page) {
    Cache& cache = *data_cache_;
    cache.counters.reads += page.reads;
    cache.counters.writes += page.writes;
    cache.use(page.owner, last_use(page.owner));
    if (page.writes != 0) cache.set_dirty(page.owner, true);
  }
  /// The hits of a line that gives way: its age and whether it is dirty are nobody's business any more.
  void count_hits(Page& page) {
    data_cache_->counters.reads += page.reads;
    data_cache_->counters.writes += page.writes;
    page.reads = page.writes = 0;
  }
  static void forget_granule(Page& page) { page.read_tag = page.write_tag = kNoTag; }  ///< which has been counted
  void enter_home(uint64_t page, bool machine_mode, bool may_read, bool may_write);
  void cache_page(uint64_t address, bool machine_mode, uint32_t region_index);
  uint32_t find_region(uint64_t address, unsigned size_bytes);
  AccessResult read_slowly(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock, void* value);
  AccessResult write_slowly(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                            const void* value);
  AccessResult transact(BusOp op, Initiator initiator, uint64_t address, unsigned size_bytes, uint64_t time_ps,
                        uint8_t* data);
  /// A transaction of a load or store by a lane that takes it.
  AccessResult cross(DeviceLane& lane, BusOp op, uint64_t address, unsigned size_bytes, uint64_t time_ps,
                     uint8_t* data) {
    BusAccess access;
    access.op = op;
    access.address = address;
    access.data = data;
    access.size = size_bytes;
    access.time_ps = time_ps;
    access.who.initiator = Initiator::core_data;
    access.who.phase = Phase::kCODE;
    uint64_t delay_ps = 0;
    const BusResponse response = lane.access(access, delay_ps);
    return {response == BusResponse::ok ? AccessKind::bus : AccessKind::fault, response, cycles_of(delay_ps)};
  }
  /// The lane that the last transaction to about there could take; nullptr when it could take none.
  DeviceLane* known_lane(uint64_t address) const { return known_lanes_[lane_index(address)]; }
  static size_t lane_index(uint64_t address) { return (address >> 12 ^ address >> 24) % kKnownLanes; }
  /// Who polls is answered alike, and a division takes long.
  uint32_t cycles_of(uint64_t delay_ps) {
    if (delay_ps != last_delay_ps_) {
      last_delay_ps_ = delay_ps;
      last_delay_cycles_ = static_cast<uint32_t>(clock_.cycles_covering(delay_ps));
    }
    return last_delay_cycles_;
  }
  std::optional<BusResponse> transfer(BusPort& way, BusOp op, Initiator initiator, uint64_t address,
                                      unsigned size_bytes, uint64_t time_ps, uint8_t* data, uint64_t& delay_ps);
  Page& line_page(uint32_t slot, bool machine_mode) const { return table(machine_mode).granules()[slot]; }
  /// By the fast path, of any privilege.
  uint64_t last_use(uint32_t slot) const {
    return std::max(tables_[0].last_uses()[slot], tables_[1].last_uses()[slot]);
  }

  /// Whole lines only: of a region's cut-off line, every access is a transaction.
  static bool caches_line(const Cache& cache, uint64_t line, const Region& region) {
    return region.cacheable && line >= region.first && line + (cache.line_bytes() - 1) <= region.last;
  }
  void exclude_lines(uint64_t first, uint64_t last);
  [[gnu::always_inline]] AccessResult access_in_line(BusOp op, uint64_t address, unsigned size_bytes, bool machine_mode,
                                                     uint64_t clock, uint8_t* data, uint32_t region);
  AccessResult access_lines(BusOp op, uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                            uint8_t* data, uint32_t region);
  [[gnu::always_inline]] AccessResult read_line(uint64_t address, unsigned size_bytes, bool machine_mode,
                                                uint64_t clock, uint8_t* data, uint32_t region);
  [[gnu::always_inline]] AccessResult write_line(uint64_t address, unsigned size_bytes, bool machine_mode,
                                                 uint64_t clock, uint8_t* data, uint32_t region);
  uint32_t bring(uint64_t line, uint64_t clock, uint32_t region, AccessResult& result);
  BusResponse carry_line(BusOp op, uint64_t line, uint32_t region, uint64_t time_ps, uint8_t* data, uint64_t& delay_ps);
  uint64_t write_back(uint64_t line, uint8_t* bytes, uint64_t time_ps);
  BusPort& way_of_lines(uint32_t region) { return region == kNoRegion ? bus_ : *regions_[region].lines; }
  AccessResult clean(uint32_t slot, uint64_t clock);
  void enter_line(uint32_t slot, bool machine_mode, uint8_t* bytes);
  void enter(uint32_t slot, uint64_t line, bool machine_mode, uint8_t* bytes, bool may_read, bool may_write);
  template <BusOp kOp>
  BroughtLine find_line(uint64_t address, bool machine_mode, uint64_t clock);
  void remember_memory(const Region& region);
  bool is_usual(uint64_t address) const { return address - usual_memory_.first < usual_memory_.size_bytes; }
  uint8_t access_to_line(uint64_t line, bool machine_mode) const;
  /// The slot that gives way to `line`, which is not there; kNowhere: it is. A line's age is the table's or the
  /// cache's, whichever is later.
  uint32_t oldest_slot(uint64_t line) const;
  uint32_t oldest_of_four(uint64_t line) const;
  [[gnu::always_inline]] void collect_set(uint32_t first_slot);
  void forget_line(uint32_t slot);
  void drop_line(uint32_t slot);
  uint8_t* memory_of(uint64_t address, unsigned size_bytes);
  /// Where the bytes of a line of `region` are that lies in `slot`.
  uint8_t* bytes_of(uint32_t slot, uint64_t line, uint32_t region) {
    return data_cache_->has_data() ? data_cache_->bytes(slot)
                                   : regions_[region].bytes + (line - regions_[region].first);
  }
  bool by_requests(uint64_t line) const { return requests_ && requests_->covers(line, 1); }
  /// What an access has added to the counters of the data cache.
  struct Counted {
    uint64_t reads = 0, writes = 0, read_misses = 0, write_misses = 0, bypassed = 0;
  };
  void uncount();
  bool brought_before(uint64_t line) const { return brought_[0] == line || brought_[1] == line; }
  void count_read(bool missed);
  void count_write(bool missed, bool bypassed);
  void check_stale(uint32_t slot, uint64_t address, unsigned size_bytes);

  BusPort& bus_;
  BusLanes* lanes_;  ///< of the bus; nullptr: it has none
  static constexpr size_t kKnownLanes = 16;
  std::array<DeviceLane*, kKnownLanes> known_lanes_{};
  std::optional<MemoryRequests> requests_;  ///< `timing: at`
  const Pmp& pmp_;
  const CoreClock& clock_;
  bool use_direct_memory_;
  DataCacheConfig data_config_;
  CacheConfig code_config_;
  std::vector<CoreConfig::MemoryRange> cacheable_;
  std::optional<Cache> code_cache_, data_cache_;
  /// Lines that an access has brought before it had to wait for something else.
  static constexpr std::array<uint64_t, 2> kNothing{Cache::kNoLine, Cache::kNoLine};
  std::array<uint64_t, 2> brought_ = kNothing;
  Counted counted_;           ///< by the access in progress, or the last one
  unsigned tables_used_ = 1;  ///< 2: lines were entered for user mode too
  bool has_caches_;
  unsigned granule_shift_;
  BusAccess line_access_;  ///< what is the same for all lines of the data cache
  static constexpr Attribution kOwner{.initiator = Initiator::core_data, .phase = Phase::kCODE};  ///< of those lines
  /// The whole lines of the region that one was brought from last, if its misses may take the short way. Forgotten with
  /// the pages.
  struct UsualMemory {
    uint64_t first = 0;
    uint64_t size_bytes = 0;
    uint8_t* bytes = nullptr;  ///< of address 0
    MemoryLane* lane = nullptr;
    uint32_t miss_cycles = 0;  ///< beside those of the line's transfer
    /// What each table's privilege may do everywhere there, as or-ed PmpAccess; kAsk: it depends on the line.
    std::array<uint8_t, 2> access{};
    static constexpr uint8_t kAsk = 0x80;
  } usual_memory_;
  /// Lines that were brought from there by loads and stores, and written back, and are not counted yet.
  struct Unsettled {
    uint64_t reads = 0, writes = 0, write_backs = 0;
  } unsettled_;
  uint64_t write_buffer_free_ps_ = 0;  ///< when the write-back of the last evicted line has ended
  std::function<void(const StaleLine&)> stale_line_;
  std::array<Table, 2> tables_;
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
  static constexpr uint64_t kHomePages = uint64_t{1} << 20, kHomeTableBytes = 4 * kHomePages;
  static uint8_t kNoHomePages[kHomeTableBytes];  ///< zeros, for who has no home
  uint32_t home_ = kNoRegion;
  bool regions_changed_ = true;
  std::array<std::optional<BackingStore>, 2> home_pages_;
  std::array<std::vector<uint32_t>, 2> entered_;  ///< numbers of the pages that are not zero there
  uint64_t last_delay_ps_ = 0;                    ///< of a transaction, and its cycles
  uint32_t last_delay_cycles_ = 0;
  uint32_t last_region_ = 0;
  uint32_t largest_latency_cycles_ = 0;
};

}  // namespace backboard
