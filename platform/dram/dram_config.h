// What can be chosen about the DRAM.
#pragma once

#include <bit>
#include <cstdint>

#include "platform/config/fields.h"

namespace backboard {

enum class PagePolicy : uint8_t {
  open,    ///< a row stays open until another of its bank is needed
  closed,  ///< every access closes its row behind it
};

/// Timing parameters in clocks of the memory; defaults are LPDDR4-3200.
struct DramTimingConfig {
#define TIMING(member, key, value, description) uint32_t member = value;
#include "platform/dram/dram_timing.def"

  template <class V>
  void fields(V& v) {
#define TIMING(member, key, value, description) v(key, member, Range{0, 1'000'000}, description);
#include "platform/dram/dram_timing.def"
  }
  void check() const {
    if (burst == 0) throw ConfigRule("burst", "must not be 0");
    if (refi <= rfc + rp + rcd + burst) throw ConfigRule("refi", "leaves no time between refreshes");
  }
};

/// LPDDR4-3200, 8 Gb x16, one channel and rank, by default. Address bits from below: byte of a page, bank, row.
struct DramConfig {
  uint64_t clock_hz = 1'600'000'000;  ///< tCK 0.625 ns
  uint32_t banks = 8;
  uint32_t page_bytes = 2048;
  uint32_t rows = 65536;
  uint32_t burst_bytes = 32;
  PagePolicy page_policy = PagePolicy::open;
  uint64_t core_read_ps = 28'750;  ///< 46 clocks: an unloaded read of an open row
  uint64_t core_write_ps = 5'000;  ///< posted: the core goes on when its store buffer has taken the data
  DramTimingConfig timing;

  uint64_t capacity_bytes() const { return uint64_t{banks} * page_bytes * rows; }

  template <class V>
  void fields(V& v) {
    v("clock", clock_hz, Hertz{100'000'000, 10'000'000'000}, "Memory clock");
    v("banks", banks, Range{1, 64}, "Banks, a power of two");
    v("page", page_bytes, Range{64, 65536}, "Bytes of a row, a power of two");
    v("rows", rows, Range{1, 1 << 20}, "Rows of a bank, a power of two");
    v("burst_size", burst_bytes, Range{8, 256}, "Bytes of a burst, a power of two");
    v("page_policy", page_policy, Choices<PagePolicy>{{"open", PagePolicy::open}, {"closed", PagePolicy::closed}},
      "When a row is closed");
    v("core_read", core_read_ps, Picoseconds{0, 1'000'000'000}, "Time of the core's direct reads");
    v("core_write", core_write_ps, Picoseconds{0, 1'000'000'000}, "Time of the core's direct writes");
    v("timing", timing, "Timing parameters in clocks");
  }
  void check() const {
    if (!std::has_single_bit(banks)) throw ConfigRule("banks", "must be a power of two");
    if (!std::has_single_bit(page_bytes)) throw ConfigRule("page", "must be a power of two");
    if (!std::has_single_bit(rows)) throw ConfigRule("rows", "must be a power of two");
    if (!std::has_single_bit(burst_bytes)) throw ConfigRule("burst_size", "must be a power of two");
    if (burst_bytes > page_bytes) throw ConfigRule("burst_size", "exceeds the page");
  }
};

}  // namespace backboard
