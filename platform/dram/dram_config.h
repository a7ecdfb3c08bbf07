// What can be chosen about the DRAM of a board.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"
#include "platform/dram/standard/memory_config.h"

namespace backboard {

/// A fault: wrong bits in a word of eight bytes.
struct BitErrorConfig {
  uint64_t offset = 0;
  uint32_t bits = 1;

  template <class V>
  void fields(V& v) {
    v("offset", offset, Range{0, INT64_MAX}, "Of a byte of the word, from the start of the DRAM");
    v("bits", bits, Range{1, 2}, "Wrong bits");
  }
};

/// The part behind the DRAM's place in the memory map, of which the board sees a window from address 0, and what the
/// core's direct accesses cost.
struct DramConfig {
  dram::MemoryConfig memory = dram::lpddr4_3200();
  uint64_t core_read_ps = 28'750;  ///< 46 clocks: an unloaded read of an open row
  uint64_t core_write_ps = 5'000;  ///< posted: the core goes on when its store buffer has taken the data
  uint64_t bandwidth_bin_ps = 100'000'000;
  std::string commands_file;
  bool check_commands = false;
  uint64_t lose_request = 0;
  std::vector<BitErrorConfig> bit_errors;

  uint64_t capacity_bytes() const { return memory.capacity_bytes(); }

  template <class V>
  void fields(V& v) {
    v("memory", memory, "Part and controller: {extends: FILE}, one of configs/memory");
    v("core_read", core_read_ps, Picoseconds{0, 1'000'000'000}, "Time of the core's direct reads");
    v("core_write", core_write_ps, Picoseconds{0, 1'000'000'000}, "Time of the core's direct writes");
    v("bandwidth_bin", bandwidth_bin_ps, Picoseconds{1'000, 1'000'000'000'000},
      "First width of the bins of bandwidth.csv; doubled when a run has more than 4096");
    v("commands", commands_file,
      "timing at: CSV file for every command that is issued, relative to the working "
      "directory; empty: none");
    v("check_commands", check_commands,
      "timing at: hold every command against the rules of the standard; a broken one fails the run");
    v("lose_request", lose_request, Range{0, INT64_MAX},
      "timing at, a fault to try what follows: the memory takes the request of this number and never answers it; "
      "0: none");
    v("bit_errors", bit_errors, Count{0, 64},
      "timing at, a fault: words with wrong bits until they are written as a whole; with memory.controller.ecc one bit "
      "is corrected and two are an error response");
  }
};

}  // namespace backboard
