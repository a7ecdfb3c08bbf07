// The part of the core's way to memory that goes through its caches.
#include <algorithm>
#include <bit>
#include <cstring>

#include "platform/cpu/data_path.h"

namespace backboard {

uint8_t* DataPath::memory_of(uint64_t address, unsigned size_bytes) {
  const uint32_t index = region_of(address, size_bytes);
  return index == kNoRegion ? nullptr : regions_[index].bytes + (address - regions_[index].first);
}

/// A part of an access that lies in one line, and in `region` whole.
AccessResult DataPath::access_in_line(BusOp op, uint64_t address, unsigned size_bytes, bool machine_mode,
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
  counters.reads++, counted_.reads++;
  counters.read_misses += missed, counted_.read_misses += missed;
}

void DataPath::count_write(bool missed, bool bypassed) {
  CacheCounters& counters = data_cache_->counters;
  counters.writes++, counted_.writes++;
  counters.write_misses += missed, counted_.write_misses += missed;
  counters.bypassed += bypassed, counted_.bypassed += bypassed;
}

AccessResult DataPath::read_line(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
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

AccessResult DataPath::write_line(uint64_t address, unsigned size_bytes, bool machine_mode, uint64_t clock,
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

/// The ages of the lines of a set are up to date behind this.
void DataPath::collect_set(uint32_t first_slot) {
  for (uint32_t slot = first_slot; slot < first_slot + data_cache_->ways(); ++slot) {
    for (Page* const page : line_pages_[slot]) {
      if (page != nullptr) collect(*page);
    }
  }
}

/// Makes room for `line` and reads it: the core waits for the line, and before it for the write buffer if that still
/// holds the last dirty line. A dirty line that gives way goes to memory behind the new one.
uint32_t DataPath::bring(uint64_t line, uint64_t clock, uint32_t region, AccessResult& result) {
  Cache& cache = *data_cache_;
  collect_set(cache.first_slot(line));
  const uint32_t slot = cache.victim(line);
  const bool dirty = cache.line(slot) != Cache::kNoLine && cache.dirty(slot);
  const bool buffer_taken = requests_ && !requests_->write_buffer_free();
  if (buffer_taken && (dirty || requests_->in_write_buffer(line, cache.line_bytes()))) {
    result.kind = AccessKind::wait;
    return slot;
  }
  const uint64_t asked_ps = clock_.time_ps(clock);
  const uint64_t start_ps = dirty ? std::max(asked_ps, write_buffer_free_ps_) : asked_ps;
  uint8_t bytes[CacheConfig::kBlockBytes];
  uint64_t delay_ps = 0;
  const auto response = transfer(way_of_lines(region), BusOp::read, Initiator::core_data, line, cache.line_bytes(),
                                 start_ps, bytes, delay_ps);
  if (!response) {
    result.kind = AccessKind::wait;
    return slot;
  }
  result.response = *response;
  result.kind = result.response == BusResponse::ok ? AccessKind::bus : AccessKind::fault;
  result.cycles += cycles_of(start_ps + delay_ps - asked_ps) + data_config_.miss_cycles;
  if (result.kind == AccessKind::fault) return slot;
  if (dirty) {
    if (cache.overtaken(slot) && stale_line_) {
      stale_line_({StaleLine::Kind::write_back, cache.line(slot), cache.line_bytes(), Initiator::core_data});
    }
    write_buffer_free_ps_ = start_ps + delay_ps + write_back(cache.line(slot), cache.bytes(slot), start_ps + delay_ps);
  }
  drop_line(slot);
  cache.fill(slot, line, bytes, clock);
  cache.counters.fills++;
  brought_[brought_[0] == Cache::kNoLine ? 0 : 1] = line;
  return slot;
}

/// A line that was evicted. Returns the time that the transfer takes, if it is one that the core makes itself. `bytes`:
/// nullptr for lines without data, whose bytes are in memory.
uint64_t DataPath::write_back(uint64_t line, const uint8_t* bytes, uint64_t time_ps) {
  const uint32_t size_bytes = data_cache_->line_bytes();
  const uint32_t region = region_of(line, size_bytes);
  uint8_t copy[CacheConfig::kBlockBytes];
  std::memcpy(copy, bytes ? bytes : regions_[region].bytes + (line - regions_[region].first), size_bytes);
  uint64_t delay_ps = 0;
  data_cache_->counters.write_backs++;
  if (by_requests(line)) {
    requests_->write_back({.initiator = Initiator::core_data, .phase = Phase::kCODE}, line, size_bytes, copy, time_ps);
    return 0;
  }
  // Memory that a fill has read takes the line back: nobody could be told of an error.
  transfer(way_of_lines(region), BusOp::write, Initiator::core_data, line, size_bytes, time_ps, copy, delay_ps);
  return delay_ps;
}

/// Writes a dirty line to memory, and waits until it is there.
AccessResult DataPath::clean(uint32_t slot, uint64_t clock) {
  Cache& cache = *data_cache_;
  AccessResult result{AccessKind::direct, BusResponse::ok, 0};
  if (!cache.dirty(slot)) return result;
  const uint64_t asked_ps = clock_.time_ps(clock);
  const uint64_t start_ps = std::max(asked_ps, write_buffer_free_ps_);
  const uint64_t line = cache.line(slot);
  uint64_t delay_ps = 0;
  uint8_t copy[CacheConfig::kBlockBytes];
  std::memcpy(copy, cache.has_data() ? cache.bytes(slot) : memory_of(line, cache.line_bytes()), cache.line_bytes());
  // Memory that a fill has read takes the line back: nobody could be told of an error.
  if (!transfer(bus_, BusOp::write, Initiator::core_data, line, cache.line_bytes(), start_ps, copy, delay_ps)) {
    result.kind = AccessKind::wait;
    return result;
  }
  cache.counters.write_backs++;
  if (cache.overtaken(slot) && stale_line_) {
    stale_line_({StaleLine::Kind::write_back, line, cache.line_bytes(), Initiator::core_data});
  }
  forget_line(slot);  // its next store must be seen
  cache.set_dirty(slot, false);
  cache.set_overtaken(slot, false);  // memory holds what the line holds
  cache.set_reported(slot, false);
  result.kind = AccessKind::bus;
  result.cycles = static_cast<uint32_t>(clock_.cycles_covering(start_ps + delay_ps - asked_ps));
  return result;
}

/// Lets the interpreter touch a line that is there, as far as it may without anybody noticing.
void DataPath::enter_line(uint32_t slot, bool machine_mode, uint8_t* bytes) {
  Cache& cache = *data_cache_;
  const uint64_t line = cache.line(slot);
  if (!use_direct_memory_ || cache.overtaken(slot) || watched(line, cache.line_bytes())) return;
  const Pmp::Permission permission = pmp_.permission(line, cache.line_bytes(), machine_mode);
  if (!permission.uniform) return;
  Page& page = page_at(pages(machine_mode), line);
  release(page, machine_mode);
  const bool may_read = permission.access & static_cast<uint8_t>(PmpAccess::read);
  const bool may_write = permission.access & static_cast<uint8_t>(PmpAccess::write);
  line_pages_[slot][machine_mode ? 0 : 1] = &page;
  page.read_tag = may_read ? line : kNoTag;
  page.write_tag = may_write && cache.dirty(slot) ? line : kNoTag;
  page.host_minus_guest = reinterpret_cast<uintptr_t>(bytes) - static_cast<uintptr_t>(line);
  page.read_cycles = page.write_cycles = data_config_.hit_cycles;
  page.owner = slot;
  page.size_mask = kOfCache;
}

void DataPath::forget_line(uint32_t slot) {
  for (Page*& page : line_pages_[slot]) {
    if (page == nullptr) continue;
    collect(*page);
    page->read_tag = page->write_tag = kNoTag;
    page->size_mask = kOfRegion;
    page = nullptr;
  }
}

void DataPath::drop_line(uint32_t slot) {
  if (data_cache_->line(slot) == Cache::kNoLine) return;
  forget_line(slot);
  data_cache_->drop(slot);
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

AccessResult DataPath::maintain(CacheOperation operation, uint64_t block, uint64_t clock) {
  AccessResult sum{AccessKind::direct, BusResponse::ok, 0};
  if (!data_cache_) return sum;
  Cache& cache = *data_cache_;
  if (requests_ && requests_->in_write_buffer(block, CacheConfig::kBlockBytes)) {
    return {AccessKind::wait, BusResponse::ok, 0};
  }
  uint64_t& count = operation == CacheOperation::invalidate ? cache.counters.invalidates
                    : operation == CacheOperation::clean    ? cache.counters.cleans
                                                            : cache.counters.flushes;
  for (uint64_t line = block; line < block + CacheConfig::kBlockBytes; line += cache.line_bytes()) {
    const uint32_t slot = cache.find(line);
    if (slot == Cache::kNowhere) continue;
    if (operation != CacheOperation::invalidate) {
      const AccessResult one = clean(slot, clock + sum.cycles);
      if (one.kind == AccessKind::wait) return one;
      sum.cycles += one.cycles;
      if (one.kind == AccessKind::bus) sum.kind = AccessKind::bus;
    }
    if (operation != CacheOperation::clean) drop_line(slot);
  }
  count++;
  return sum;
}

AccessResult DataPath::synchronize_code(uint64_t clock) {
  AccessResult sum{AccessKind::direct, BusResponse::ok, 0};
  for (uint32_t slot = 0; data_cache_ && slot < data_cache_->slots(); ++slot) {
    if (data_cache_->line(slot) == Cache::kNoLine) continue;
    const AccessResult one = clean(slot, clock + sum.cycles);
    if (one.kind == AccessKind::wait) return one;
    sum.cycles += one.cycles;
  }
  if (requests_ && !requests_->write_buffer_free()) return {AccessKind::wait, BusResponse::ok, 0};
  if (code_cache_) code_cache_->drop_all();
  return sum;
}

void DataPath::reset_caches() {
  flush_pages();
  forget_answers();
  brought_ = kNothing;
  if (code_cache_) code_cache_->drop_all();
  if (data_cache_) data_cache_->drop_all();
}

void DataPath::check_stale(uint32_t slot, uint64_t address, unsigned size_bytes) {
  Cache& cache = *data_cache_;
  if (cache.reported(slot) || !stale_line_) return;
  const uint64_t line = cache.line(slot);
  const uint8_t* memory = memory_of(line, cache.line_bytes());
  if (std::memcmp(cache.bytes(slot), memory, cache.line_bytes()) == 0) return cache.set_overtaken(slot, false);
  if (std::memcmp(cache.bytes(slot) + (address - line), memory + (address - line), size_bytes) == 0) return;
  cache.set_reported(slot, true);
  stale_line_({StaleLine::Kind::core_read, address, size_bytes, Initiator::core_data});
}

namespace {

/// Calls `visit(slot, first, last)` for each line that is there and shares the bytes [first, last].
template <class Visit>
void for_each_line(Cache& cache, uint64_t first, uint64_t last, Visit visit) {
  const auto meet = [&](uint32_t slot) {
    const uint64_t line = cache.line(slot);
    visit(slot, std::max(first, line), std::min(last, line + (cache.line_bytes() - 1)));
  };
  const uint64_t first_line = cache.line_of(first), last_line = cache.line_of(last);
  if ((last_line - first_line) / cache.line_bytes() >= cache.slots()) {
    for (uint32_t slot = 0; slot < cache.slots(); ++slot) {
      const uint64_t line = cache.line(slot);
      if (line != Cache::kNoLine && line >= first_line && line <= last_line) meet(slot);
    }
    return;
  }
  for (uint64_t line = first_line;; line += cache.line_bytes()) {
    const uint32_t slot = cache.find(line);
    if (slot != Cache::kNowhere) meet(slot);
    if (line == last_line) break;
  }
}

}  // namespace

void DataPath::snoop(BusOp op, uint64_t first, uint64_t size_bytes, Initiator initiator) {
  if (!data_cache_ || !data_cache_->has_data() || size_bytes == 0) return;
  Cache& cache = *data_cache_;
  for_each_line(cache, first, first + (size_bytes - 1), [&](uint32_t slot, uint64_t from, uint64_t to) {
    if (op == BusOp::write) {
      cache.set_overtaken(slot, true);
      forget_line(slot);  // the next access is looked at
      return;
    }
    if (!cache.dirty(slot) || cache.reported(slot) || !stale_line_) return;
    const auto bytes = static_cast<unsigned>(to - from + 1);
    if (std::memcmp(cache.bytes(slot) + (from - cache.line(slot)), memory_of(from, bytes), bytes) == 0) return;
    cache.set_reported(slot, true);
    stale_line_({StaleLine::Kind::master_read, from, bytes, initiator});
  });
}

void DataPath::overlay(uint64_t address, std::span<uint8_t> bytes) {
  if (requests_ && !bytes.empty()) requests_->overlay(address, bytes);
  if (!data_cache_ || !data_cache_->has_data() || bytes.empty()) return;
  for_each_line(*data_cache_, address, address + (bytes.size() - 1), [&](uint32_t slot, uint64_t from, uint64_t to) {
    std::memcpy(bytes.data() + (from - address), data_cache_->bytes(slot) + (from - data_cache_->line(slot)),
                to - from + 1);
  });
}

void DataPath::refresh(uint64_t first, uint64_t last) {
  for (Cache* cache : {code_cache(), data_cache()}) {
    if (!cache || !cache->has_data()) continue;
    for_each_line(*cache, first, last, [&](uint32_t slot, uint64_t from, uint64_t to) {
      const auto bytes = static_cast<unsigned>(to - from + 1);
      std::memcpy(cache->bytes(slot) + (from - cache->line(slot)), memory_of(from, bytes), bytes);
    });
  }
}

/// Lines that become uncacheable go to memory at once, outside simulated time.
void DataPath::exclude_lines(uint64_t first, uint64_t last) {
  if (!data_cache_) return;
  Cache& cache = *data_cache_;
  for_each_line(cache, first, last, [&](uint32_t slot, uint64_t, uint64_t) {
    if (cache.has_data() && cache.dirty(slot)) {
      std::memcpy(memory_of(cache.line(slot), cache.line_bytes()), cache.bytes(slot), cache.line_bytes());
    }
    drop_line(slot);
  });
}

}  // namespace backboard
