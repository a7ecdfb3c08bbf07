// The part of the core's way to memory that goes through its caches.
#include <algorithm>
#include <bit>
#include <cstring>

#include "platform/cpu/data_path.h"
#include "platform/cpu/usual_line.h"
#include "platform/memory/memory_access.h"

namespace backboard {

uint8_t* DataPath::memory_of(uint64_t address, unsigned size_bytes) {
  const uint32_t index = region_of(address, size_bytes);
  return index == kNoRegion ? nullptr : regions_[index].bytes + (address - regions_[index].first);
}

/// The access has to wait for something else, and will be counted anew.
void DataPath::uncount() {
  CacheCounters& now = data_cache_->counters;
  now.reads -= counted_.reads;
  now.writes -= counted_.writes;
  now.read_misses -= counted_.read_misses;
  now.write_misses -= counted_.write_misses;
  now.bypassed -= counted_.bypassed;
}

void DataPath::count_read(bool missed) {
  CacheCounters& counters = data_cache_->counters;
  counters.reads++;
  counters.read_misses += missed;
  if (!requests_) return;
  counted_.reads++;
  counted_.read_misses += missed;
}

void DataPath::count_write(bool missed, bool bypassed) {
  CacheCounters& counters = data_cache_->counters;
  counters.writes++;
  counters.write_misses += missed;
  counters.bypassed += bypassed;
  if (!requests_) return;
  counted_.writes++;
  counted_.write_misses += missed;
  counted_.bypassed += bypassed;
}

/// A transaction of a whole line of the data cache that is no request.
[[gnu::always_inline]] inline BusResponse DataPath::carry_line(BusOp op, uint64_t line, uint32_t region,
                                                               uint64_t time_ps, uint8_t* data, uint64_t& delay_ps) {
  line_access_.op = op;
  line_access_.address = line;
  line_access_.data = data;
  line_access_.time_ps = time_ps;
  return way_of_lines(region).access(line_access_, delay_ps);
}

/// A line that was evicted. Returns the time that the transfer takes, if it is one that the core makes itself. `bytes`:
/// nullptr for lines without data, whose bytes are in memory.
inline uint64_t DataPath::write_back(uint64_t line, uint8_t* bytes, uint64_t time_ps) {
  const uint32_t size_bytes = data_cache_->line_bytes();
  const uint32_t region = region_of(line, size_bytes);
  if (bytes == nullptr) bytes = regions_[region].bytes + (line - regions_[region].first);
  uint64_t delay_ps = 0;
  data_cache_->counters.write_backs++;
  if (by_requests(line)) {
    requests_->write_back({.initiator = Initiator::core_data, .phase = Phase::kCODE}, line, size_bytes, bytes, time_ps);
    return 0;
  }
  // Memory that a fill has read takes the line back: nobody could be told of an error.
  carry_line(BusOp::write, line, region, time_ps, bytes, delay_ps);
  return delay_ps;
}

/// Lets the interpreter touch a line that is there, as far as it may without anybody noticing.
void DataPath::enter_line(uint32_t slot, bool machine_mode, uint8_t* bytes) {
  Cache& cache = *data_cache_;
  const uint64_t line = cache.line(slot);
  if (!use_direct_memory_ || cache.overtaken(slot) || watched(line, cache.line_bytes())) return;
  const Pmp::Permission permission = pmp_.permission(line, cache.line_bytes(), machine_mode);
  if (!permission.uniform) return;
  const bool takes_stores = data_config_.writes == CacheWrites::back;  // else each goes to memory
  const bool may_read = permission.access & static_cast<uint8_t>(PmpAccess::read);
  const bool may_write = permission.access & static_cast<uint8_t>(PmpAccess::write);
  enter(slot, line, machine_mode, bytes, may_read, may_write && takes_stores);
}

void DataPath::forget_line(uint32_t slot) {
  for (const bool machine_mode : {true, false}) {
    Page& page = line_page(slot, machine_mode);
    collect(page);
    forget_granule(page);
  }
}

void DataPath::drop_line(uint32_t slot) {
  if (data_cache_->line(slot) == Cache::kNoLine) return;
  forget_line(slot);
  data_cache_->drop(slot);
}

/// The ages of the lines of a set are up to date behind this.
inline void DataPath::collect_set(uint32_t first_slot) {
  const uint32_t ways = data_cache_->ways();
  for (uint32_t way = 0; way < ways; ++way) collect(line_page(first_slot + way, true));
  if (tables_used_ == 1) [[likely]]
    return;
  for (uint32_t way = 0; way < ways; ++way) collect(line_page(first_slot + way, false));
}

/// Makes room for `line` and reads it: the core waits for the line, and before it for the write buffer if that still
/// holds the last dirty line. A dirty line that gives way goes to memory behind the new one.
uint32_t DataPath::bring(uint64_t line, uint64_t clock, uint32_t region, AccessResult& result) {
  Cache& cache = *data_cache_;
  collect_set(cache.first_slot(line));
  const uint32_t slot = cache.victim(line);
  const uint64_t old_line = cache.line(slot);
  const bool dirty = old_line != Cache::kNoLine && cache.dirty(slot);
  const bool buffer_taken = requests_ && !requests_->write_buffer_free();
  if (buffer_taken && (dirty || requests_->in_write_buffer(line, cache.line_bytes()))) {
    result.kind = AccessKind::wait;
    return slot;
  }
  const uint64_t asked_ps = clock_.time_ps(clock);
  const uint64_t start_ps = dirty ? std::max(asked_ps, write_buffer_free_ps_) : asked_ps;
  uint8_t bytes[CacheConfig::kBlockBytes];
  uint64_t delay_ps = 0;
  if (requests_) {
    const auto response = transfer(way_of_lines(region), BusOp::read, Initiator::core_data, line, cache.line_bytes(),
                                   start_ps, bytes, delay_ps);
    if (!response) {
      result.kind = AccessKind::wait;
      return slot;
    }
    result.response = *response;
  } else {
    // Lines without data leave their bytes where they are.
    uint8_t* const to = cache.has_data() ? bytes : regions_[region].bytes + (line - regions_[region].first);
    result.response = carry_line(BusOp::read, line, region, start_ps, to, delay_ps);
  }
  result.kind = result.response == BusResponse::ok ? AccessKind::bus : AccessKind::fault;
  result.cycles += cycles_of(start_ps + delay_ps - asked_ps) + data_config_.miss_cycles;
  if (result.kind == AccessKind::fault) return slot;
  if (dirty) {
    if (cache.overtaken(slot) && stale_line_) {
      stale_line_({StaleLine::Kind::write_back, old_line, cache.line_bytes(), Initiator::core_data});
    }
    write_buffer_free_ps_ = start_ps + delay_ps + write_back(old_line, cache.bytes(slot), start_ps + delay_ps);
  }
  if (old_line != Cache::kNoLine) forget_line(slot);
  cache.fill(slot, line, bytes, clock);
  cache.counters.fills++;
  if (requests_) brought_[brought_[0] == Cache::kNoLine ? 0 : 1] = line;
  if (usual_memory_.lane == nullptr && region != kNoRegion) remember_memory(regions_[region]);
  return slot;
}

inline AccessResult DataPath::read_line(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                                        uint8_t* data, uint32_t region) {
  Cache& cache = *data_cache_;
  AccessResult result{AccessKind::direct, BusResponse::ok, data_config_.hit_cycles};
  const uint64_t line = cache.line_of(address);
  uint32_t slot = cache.find(line);
  bool missed = slot == Cache::kNowhere;
  if (missed) slot = bring(line, clock, region, result);
  if (result.kind == AccessKind::fault || result.kind == AccessKind::wait) return result;
  if (!missed && brought_before(line)) {
    missed = true;  // by this instruction, before it had to wait for something else
    result.cycles += data_config_.miss_cycles;
  }
  count_read(missed);
  if (cache.overtaken(slot)) check_stale(slot, address, size_bytes);
  uint8_t* const bytes = bytes_of(slot, line, region);
  copy_value(data, bytes + (address - line), size_bytes);
  cache.use(slot, clock);
  enter_line(slot, machine_mode, bytes);
  return result;
}

inline AccessResult DataPath::write_line(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                                         uint8_t* data, uint32_t region) {
  Cache& cache = *data_cache_;
  AccessResult result{AccessKind::direct, BusResponse::ok, data_config_.hit_cycles};
  const uint64_t line = cache.line_of(address);
  uint32_t slot = cache.find(line);
  bool missed = slot == Cache::kNowhere;
  if (missed && data_config_.write_allocate) slot = bring(line, clock, region, result);
  if (result.kind == AccessKind::fault || result.kind == AccessKind::wait) return result;
  if (!missed && brought_before(line)) {
    missed = true;
    result.cycles += data_config_.miss_cycles;
  }
  const bool alone = slot == Cache::kNowhere || data_config_.writes == CacheWrites::through;
  if (alone) {
    const AccessResult store =
        transact(BusOp::write, Initiator::core_data, address, size_bytes, clock_.time_ps(clock + result.cycles), data);
    if (store.kind == AccessKind::wait) return store;
    result.kind = store.kind;
    result.response = store.response;
    result.cycles += store.cycles;
  }
  count_write(missed, alone);
  if (slot == Cache::kNowhere) return result;
  uint8_t* const bytes = bytes_of(slot, line, region);
  if (!alone || cache.has_data()) copy_value(bytes + (address - line), data, size_bytes);
  cache.use(slot, clock);
  if (alone) return result;
  cache.set_dirty(slot, true);
  enter_line(slot, machine_mode, bytes);
  return result;
}

/// A part of an access that lies in one line, and in `region` whole.
inline AccessResult DataPath::access_in_line(BusOp op, uint64_t address, unsigned size_bytes, bool machine_mode,
                                             uint64_t clock, uint8_t* data, uint32_t region) {
  const uint64_t line = data_cache_->line_of(address);
  if (!caches_line(*data_cache_, line, regions_[region]) || excluded(line, data_cache_->line_bytes())) {
    return transact(op, Initiator::core_data, address, size_bytes, clock_.time_ps(clock), data);
  }
  return op == BusOp::read ? read_line(address, size_bytes, machine_mode, clock, data, region)
                           : write_line(address, size_bytes, machine_mode, clock, data, region);
}

/// An access that lies in `region` whole, line by line.
AccessResult DataPath::access_lines(BusOp op, uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
                                    uint8_t* data, uint32_t region) {
  const bool in_one = address - data_cache_->line_of(address) + size_bytes <= data_cache_->line_bytes();
  if (in_one && !requests_) [[likely]] {
    return access_in_line(op, address, size_bytes, machine_mode, clock, data, region);
  }
  counted_ = {};
  AccessResult sum{AccessKind::direct, BusResponse::ok, 0};
  while (sum.kind != AccessKind::fault && size_bytes != 0) {
    const uint64_t left = data_cache_->line_bytes() - (address - data_cache_->line_of(address));
    const unsigned piece = size_bytes <= left ? size_bytes : static_cast<unsigned>(left);
    const AccessResult one = access_in_line(op, address, piece, machine_mode, clock + sum.cycles, data, region);
    if (one.kind == AccessKind::wait) {
      uncount();
      return one;
    }
    sum.cycles += one.cycles;
    sum.response = one.response;
    if (one.kind != AccessKind::direct) sum.kind = one.kind;
    address += piece;
    data += piece;
    size_bytes -= piece;
  }
  brought_ = kNothing;
  return sum;
}

void DataPath::remember_memory(const Region& region) {
  const uint64_t line_bytes = data_cache_->line_bytes();
  const bool usual = use_direct_memory_ && !requests_ && watchpoints_.empty() &&
                     data_config_.writes == CacheWrites::back && data_config_.write_allocate &&
                     data_config_.replacement == CacheReplacement::lru;
  if (!usual || region.lane == nullptr || !region.lane->takes_lines(data_cache_->line_bytes())) return;
  const uint64_t first = (region.first + (line_bytes - 1)) & ~(line_bytes - 1);
  const uint64_t end = (region.last + 1) & ~(line_bytes - 1);
  if (end <= first) return;
  const uintptr_t of_address_0 = reinterpret_cast<uintptr_t>(region.bytes) - static_cast<uintptr_t>(region.first);
  const uint32_t miss_cycles = data_config_.hit_cycles + data_config_.miss_cycles;
  usual_memory_ = {first, end - first, reinterpret_cast<uint8_t*>(of_address_0), region.lane, miss_cycles, {}};
  for (const bool machine_mode : {true, false}) {
    const Pmp::Permission permission = pmp_.permission(first, end - first, machine_mode);
    const bool uniform = permission.uniform && !excluded(first, end - first);
    usual_memory_.access[machine_mode ? 0 : 1] = uniform ? permission.access : UsualMemory::kAsk;
  }
}

/// What `machine_mode` may do with a line of the usual memory, as or-ed PmpAccess; 0 also where the long way is to be
/// taken.
uint8_t DataPath::access_to_line(uint64_t line, bool machine_mode) const {
  const uint32_t line_bytes = data_cache_->line_bytes();
  const Pmp::Permission permission = pmp_.permission(line, line_bytes, machine_mode);
  return permission.uniform && !excluded(line, line_bytes) ? permission.access : uint8_t{0};
}

/// For caches of any number of ways, and lines of both tables.
uint32_t DataPath::oldest_slot(uint64_t line) const {
  const Cache& cache = *data_cache_;
  const uint32_t first = cache.first_slot(line);
  uint32_t oldest = Cache::kNowhere;
  uint64_t least = UINT64_MAX;
  for (uint32_t slot = first; slot < first + cache.ways(); ++slot) {
    const uint64_t there = cache.line(slot);
    if (there == line) return Cache::kNowhere;
    const uint64_t age = std::max(cache.ages()[slot], last_use(slot));
    // The first empty slot comes first, and the first of those that are equally old.
    const uint64_t rank = there == Cache::kNoLine ? 0 : age + 1;
    if (rank < least) {
      least = rank;
      oldest = slot;
    }
  }
  return oldest;
}

DataPath::BroughtLine DataPath::bring_at_once(BusOp op, uint64_t address, bool machine_mode, uint64_t clock) {
  return op == BusOp::write ? bring_usual_line<BusOp::write>(address, machine_mode, clock)
                            : bring_usual_line<BusOp::read>(address, machine_mode, clock);
}

void DataPath::settle_lines() {
  if (usual_memory_.lane == nullptr) return;
  const Unsettled lines = std::exchange(unsettled_, {});
  CacheCounters& counters = data_cache_->counters;
  counters.reads += lines.reads;
  counters.read_misses += lines.reads;
  counters.writes += lines.writes;
  counters.write_misses += lines.writes;
  counters.fills += lines.reads + lines.writes;
  counters.write_backs += lines.write_backs;
  usual_memory_.lane->count_lines(BusOp::read, kOwner, lines.reads + lines.writes);
  usual_memory_.lane->count_lines(BusOp::write, kOwner, lines.write_backs);
}

AccessResult DataPath::fetch_line(uint64_t line, uint64_t clock) {
  Cache& cache = *code_cache_;
  uint32_t slot = cache.find(line);
  if (slot != Cache::kNowhere) {
    cache.use(slot, clock);
    return {AccessKind::direct, BusResponse::ok, 0};
  }
  uint8_t bytes[CacheConfig::kBlockBytes];
  if (requests_ && requests_->in_write_buffer(line, cache.line_bytes())) return {AccessKind::wait, BusResponse::ok, 0};
  AccessResult result =
      transact(BusOp::read, Initiator::core_code, line, cache.line_bytes(), clock_.time_ps(clock), bytes);
  if (result.kind == AccessKind::wait) return result;
  result.cycles += code_config_.miss_cycles;
  if (result.kind == AccessKind::fault) return result;
  slot = cache.victim(line);
  cache.fill(slot, line, bytes, clock);
  cache.counters.fills++;
  cache.counters.read_misses++;
  return result;
}

}  // namespace backboard
