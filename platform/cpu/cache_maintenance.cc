// The part of the core's way to memory that keeps its caches and memory in step: maintenance, other masters, debuggers.
#include <algorithm>
#include <cstring>

#include "platform/cpu/data_path.h"

namespace backboard {

/// Writes a dirty line to memory, and waits until it is there.
AccessResult DataPath::clean(uint32_t slot, uint64_t clock) {
  Cache& cache = *data_cache_;
  AccessResult result{AccessKind::direct, BusResponse::ok, 0};
  forget_line(slot);  // its stores are known, and the next one is seen
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
  cache.set_dirty(slot, false);
  cache.set_overtaken(slot, false);  // memory holds what the line holds
  cache.set_reported(slot, false);
  result.kind = AccessKind::bus;
  result.cycles = static_cast<uint32_t>(clock_.cycles_covering(start_ps + delay_ps - asked_ps));
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
    if (cache.reported(slot) || !stale_line_) return;
    forget_line(slot);  // its stores are known
    if (!cache.dirty(slot)) return;
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
    forget_line(slot);  // its stores are known
    if (cache.has_data() && cache.dirty(slot)) {
      std::memcpy(memory_of(cache.line(slot), cache.line_bytes()), cache.bytes(slot), cache.line_bytes());
    }
    drop_line(slot);
  });
}

}  // namespace backboard
