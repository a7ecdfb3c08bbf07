// The short way of a miss: what DataPath::bring_at_once does, for who wants it in line.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>

#include "platform/cpu/data_path.h"

namespace backboard {

/// Lets `line`, which is in `slot`, be found there.
[[gnu::always_inline]] inline void DataPath::enter(uint32_t slot, uint64_t line, bool machine_mode, uint8_t* bytes,
                                                   bool may_read, bool may_write) {
  Table& table = tables_[machine_mode ? 0 : 1];
  Page& page = table.granules()[slot];
  if (!machine_mode) tables_used_ = 2;
  page.read_tag = may_read ? line : kNoTag;
  page.write_tag = may_write ? line : kNoTag;
  page.host_minus_guest = reinterpret_cast<uintptr_t>(bytes) - static_cast<uintptr_t>(line);
  table.point(line, slot);
}

/// Of four ways, by machine mode alone: most caches are used so. Equal to oldest_slot, but that there is no loop, and
/// nobody foresees which slot it is, so there is no branch for it.
[[gnu::always_inline]] inline uint32_t DataPath::oldest_of_four(uint64_t line) const {
  const Cache& cache = *data_cache_;
  const uint32_t first = cache.first_slot(line);
  const uint64_t* const lines = cache.lines() + first;
  if (lines[0] == line || lines[1] == line || lines[2] == line || lines[3] == line) return Cache::kNowhere;
  static_assert((Cache::kNoLine & 1) != 0);  // and no line begins at an odd address
  if (((lines[0] | lines[1] | lines[2] | lines[3]) & 1) != 0) [[unlikely]]
    return oldest_slot(line);
  const uint64_t* const ages = cache.ages() + first;
  const uint64_t* const last_uses = tables_[0].last_uses() + first;
  const auto rank = [=](unsigned way) { return std::max(ages[way], last_uses[way]) * 4 + way; };
  const auto lesser = [](uint64_t a, uint64_t b) { return a < b ? a : b; };
  return first + static_cast<uint32_t>(lesser(lesser(rank(0), rank(1)), lesser(rank(2), rank(3))) % 4);
}

/// What is there, and was looked for in the place of another line. Nothing: somebody is to look at it closely.
template <BusOp kOp>
inline DataPath::BroughtLine DataPath::find_line(uint64_t address, bool machine_mode, uint64_t clock) {
  const uint64_t line = data_cache_->line_of(address);
  const uint32_t slot = data_cache_->find(line);
  Page& page = line_page(slot, machine_mode);
  if ((kOp == BusOp::write ? page.write_tag : page.read_tag) != line) return {};
  tables_[machine_mode ? 0 : 1].point(line, slot);
  count(page, kOp, 1, machine_mode, clock);
  return {reinterpret_cast<uint8_t*>(page.host_minus_guest + static_cast<uintptr_t>(address)), data_config_.hit_cycles,
          AccessKind::direct};
}

/// Equal to read_line and write_line where they call `bring` (their comments say why things are done), because of what
/// remember_memory has made sure of. The set is looked at once, only what gives way is collected, and what all lines
/// have in common is counted when somebody asks (settle_lines).
template <BusOp kOp>
[[gnu::always_inline]] inline DataPath::BroughtLine DataPath::bring_usual_line(uint64_t address, bool machine_mode,
                                                                               uint64_t clock) {
  constexpr bool kWrite = kOp == BusOp::write;
  constexpr auto kNeeded = static_cast<uint8_t>(kWrite ? PmpAccess::write : PmpAccess::read);
  if (!is_usual(address)) return {};
  Cache& cache = *data_cache_;
  const auto in_memory = [this](uint64_t at) {
    return reinterpret_cast<uint8_t*>(reinterpret_cast<uintptr_t>(usual_memory_.bytes) + static_cast<uintptr_t>(at));
  };
  const uint32_t line_bytes = cache.line_bytes();
  const uint64_t line = cache.line_of(address);
  uint8_t access = usual_memory_.access[machine_mode ? 0 : 1];
  if (access == UsualMemory::kAsk) [[unlikely]]
    access = access_to_line(line, machine_mode);
  if ((access & kNeeded) == 0) [[unlikely]]
    return {};

  const bool by_users_too = tables_used_ == 2;
  const uint32_t slot = cache.ways() == 4 && !by_users_too ? oldest_of_four(line) : oldest_slot(line);
  if (slot == Cache::kNowhere) [[unlikely]]
    return find_line<kOp>(address, machine_mode, clock);
  MemoryLane& lane = *usual_memory_.lane;
  const uint64_t old_line = cache.line(slot);
  bool dirty = false;
  if (is_usual(old_line)) [[likely]] {
    if (cache.overtaken(slot)) [[unlikely]]
      return {};
    Page& by_machine = line_page(slot, true);
    Page& by_user = line_page(slot, false);
    dirty = cache.dirty(slot) || by_machine.writes != 0;
    if (by_users_too) [[unlikely]]
      dirty |= by_user.writes != 0;
    if (dirty && lane.watches(old_line, line_bytes)) [[unlikely]]
      return {};
    count_hits(by_machine);
    forget_granule(by_machine);
    if (by_users_too) [[unlikely]] {
      count_hits(by_user);
      forget_granule(by_user);
    }
  } else if (old_line != Cache::kNoLine) {
    return {};
  }
  const uint64_t asked_ps = clock_.time_ps(clock);
  const uint64_t start_ps = dirty ? std::max(asked_ps, write_buffer_free_ps_) : asked_ps;
  const uint64_t brought_ps = lane.carry_line<BusOp::read>(line, start_ps, kOwner.initiator);
  if (dirty) {
    if (cache.has_data()) copy_line(in_memory(old_line), cache.bytes(slot), line_bytes);
    unsettled_.write_backs++;
    write_buffer_free_ps_ = lane.carry_line<BusOp::write>(old_line, brought_ps, kOwner.initiator);
  }
  cache.place(slot, line, clock, kWrite);
  uint8_t* bytes = in_memory(line);
  if (cache.has_data()) {
    copy_line(cache.bytes(slot), bytes, line_bytes);
    bytes = cache.bytes(slot);
  }
  (kWrite ? unsettled_.writes : unsettled_.reads)++;
  const auto may = [access](PmpAccess what) { return (access & static_cast<uint8_t>(what)) != 0; };
  enter(slot, line, machine_mode, bytes, may(PmpAccess::read), may(PmpAccess::write));
  return {bytes + (address - line), usual_memory_.miss_cycles + clock_.cycles_covering(brought_ps - asked_ps)};
}

}  // namespace backboard
