// The lines of a cache: which are there, how old, how dirty, and their bytes. Knows neither time nor bus.
#pragma once

#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "platform/cache/cache_config.h"
#include "platform/check/check.h"
#include "platform/state/archive.h"

namespace backboard {

/// What a cache did. Accesses are counted by line: one that touches two lines counts twice.
struct CacheCounters {
  uint64_t reads = 0;         ///< loads, or fetches of retired instructions
  uint64_t writes = 0;        ///< stores
  uint64_t read_misses = 0;   ///< of `reads`
  uint64_t write_misses = 0;  ///< of `writes`
  uint64_t fills = 0;         ///< lines read from memory
  uint64_t write_backs = 0;   ///< dirty lines written to memory: evicted, cleaned or flushed
  uint64_t bypassed = 0;      ///< stores that went to memory by themselves: written through, or missed unallocated
  uint64_t invalidates = 0;   ///< maintenance operations, whether or not a line was there
  uint64_t cleans = 0;
  uint64_t flushes = 0;

  uint64_t hits() const { return reads + writes - read_misses - write_misses; }
};

/// A set-associative cache of physical addresses. Lines are named by their first address; a line that is there lies in
/// a slot. Ages are whatever grows with the program (clock edges of the core): replacement compares them within a set.
class Cache {
 public:
  static constexpr uint32_t kNowhere = UINT32_MAX;
  static constexpr uint64_t kNoLine = UINT64_MAX;

  explicit Cache(const CacheConfig& config);

  uint32_t line_bytes() const { return config_.line_bytes; }
  uint64_t line_of(uint64_t address) const { return address & ~uint64_t{config_.line_bytes - 1}; }
  bool has_data() const { return config_.data; }
  uint32_t slots() const { return slots_; }
  uint32_t ways() const { return config_.ways; }

  /// The slot that holds `line`, kNowhere if none does.
  uint32_t find(uint64_t line) const {
    const uint32_t first = first_slot(line);
    for (uint32_t slot = first; slot < first + config_.ways; ++slot) {
      if (lines_[slot] == line) return slot;
    }
    return kNowhere;
  }
  /// First slot of the set of `line`; the set has `ways()` of them.
  uint32_t first_slot(uint64_t line) const {
    return static_cast<uint32_t>(line >> line_shift_ & set_mask_) * config_.ways;
  }
  /// The slot that the next line of the set of `line` goes to: an empty one, or by age.
  uint32_t victim(uint64_t line) const;

  /// Puts `line`, clean, into `slot` of its set. `bytes`: its contents; not looked at when lines hold none.
  void fill(uint32_t slot, uint64_t line, const uint8_t* bytes, uint64_t age);
  /// The same but for the bytes, for who knows that the slot is of the line's set; the line may be dirty at once.
  void place(uint32_t slot, uint64_t line, uint64_t age, bool dirty) {
    lines_[slot] = line;
    ages_[slot] = age;
    flags_[slot] = dirty ? kDirty : uint8_t{0};
    fill_numbers_[slot] = kAlwaysThere + 1 + static_cast<uint32_t>(fills_++ % kFillNumbers);
  }
  void drop(uint32_t slot);
  void drop_all();

  uint64_t line(uint32_t slot) const { return lines_[slot]; }
  bool dirty(uint32_t slot) const { return flags_[slot] & kDirty; }
  void set_dirty(uint32_t slot, bool on) { set(slot, kDirty, on); }
  /// Whether another master wrote to the line in memory since it was filled.
  bool overtaken(uint32_t slot) const { return flags_[slot] & kOvertaken; }
  void set_overtaken(uint32_t slot, bool on) { set(slot, kOvertaken, on); }
  /// Whether a mistake with this line was reported: once is enough.
  bool reported(uint32_t slot) const { return flags_[slot] & kReported; }
  void set_reported(uint32_t slot, bool on) { set(slot, kReported, on); }
  void use(uint32_t slot, uint64_t age) { ages_[slot] = age > ages_[slot] ? age : ages_[slot]; }
  /// The line's own bytes; nullptr when lines hold none.
  uint8_t* bytes(uint32_t slot) { return config_.data ? bytes_.data() + size_t{slot} * config_.line_bytes : nullptr; }

  /// For the core's fast path: lines, ages and fill numbers by slot. A slot keeps its number as long as it holds the
  /// bytes of one fill; numbers repeat after kFillNumbers fills. Behind the slots lies one more, whose number never
  /// changes.
  uint64_t* ages() { return ages_.data(); }
  const uint64_t* ages() const { return ages_.data(); }
  const uint64_t* lines() const { return lines_.data(); }
  const uint32_t* fill_numbers() const { return fill_numbers_.data(); }
  uint32_t fill_number(uint32_t slot) const { return fill_numbers_[slot]; }
  static constexpr uint64_t kFillNumbers = uint64_t{1} << 31;
  static constexpr uint32_t kAlwaysThere = 1;
  uint32_t always_there() const { return slots_; }

  CacheCounters counters;

  void state(StateArchive& archive);

 private:
  static constexpr uint8_t kDirty = 1, kOvertaken = 2, kReported = 4;
  void set(uint32_t slot, uint8_t flag, bool on) {
    flags_[slot] = static_cast<uint8_t>(on ? flags_[slot] | flag : flags_[slot] & ~flag);
  }
  uint64_t youngest(uint32_t first, uint32_t count) const;

  CacheConfig config_;
  uint32_t slots_;
  uint32_t line_shift_;
  uint64_t set_mask_;
  std::vector<uint64_t> lines_;
  std::vector<uint64_t> ages_;
  std::vector<uint32_t> fill_numbers_;
  std::vector<uint8_t> flags_;
  std::vector<uint8_t> bytes_;
  uint64_t fills_ = 0;
};

inline void Cache::fill(uint32_t slot, uint64_t line, const uint8_t* bytes, uint64_t age) {
  BB_CHECK(line == line_of(line) && first_slot(line) == (slot & ~(config_.ways - 1)), "{:#x} in slot {}", line, slot);
  place(slot, line, age, false);
  if (config_.data) std::memcpy(bytes_.data() + size_t{slot} * config_.line_bytes, bytes, config_.line_bytes);
}

}  // namespace backboard
