// What error correction adds to a request: bursts of check bytes, and reads of what is written in part.
//
// A check byte stands beside each eight bytes of data (SECDED over 64 bits; Hsiao, "A Class of Optimal Minimum
// Odd-weight-column SEC-DED Codes", 1970). Side-band: a ninth device carries them with the data, no burst is added.
// In line, as controllers of parts without room for a ninth device do: they lie in the last eighth of the part, one
// burst of them for eight bursts of data, and move in bursts of their own; nothing is remembered from one request to
// the next. A write that breaks a word of eight bytes reads the word first, and its check bytes.
#pragma once

#include <cstdint>

#include "platform/dram/standard/memory_config.h"

namespace backboard::dram {

inline constexpr uint64_t kEccWordBytes = 8;

/// The bursts around those of a request's data. Addresses are of bytes of the part.
class EccPlan {
 public:
  explicit EccPlan(const MemoryConfig& config)
      : kind_(config.controller.ecc),
        burst_bytes_(config.burst_bytes()),
        group_bytes_(uint64_t{burst_bytes_} * 8),
        check_base_(config.capacity_bytes()) {}

  bool on() const { return kind_ != EccKind::off; }

  /// A burst that the request did not ask for.
  struct Extra {
    uint64_t address;
    bool write;
    bool masked;
  };

  /// Calls `add` with each burst that comes before the data burst at `burst` of a request for [first, end).
  template <class Add>
  bool before(bool write, uint64_t burst, uint64_t first, uint64_t end, Add add) const {
    if (!on() || !write || !breaks_word(burst, first, end)) return true;
    if (kind_ == EccKind::in_line && !add(Extra{check_of(burst), false, false})) return false;
    return add(Extra{burst, false, false});
  }
  /// The same for what comes behind it.
  template <class Add>
  bool behind(bool write, uint64_t burst, uint64_t first, uint64_t end, Add add) const {
    if (kind_ != EccKind::in_line) return true;
    const uint64_t group = burst / group_bytes_ * group_bytes_;
    const bool last = burst + burst_bytes_ >= end || burst + burst_bytes_ == group + group_bytes_;
    if (!last) return true;
    // Check bytes of whole words are written alone; those of other words of the burst stay.
    const bool whole = first <= group && end >= group + group_bytes_;
    return add(Extra{check_of(burst), write, write && !whole});
  }
  /// Whether a write of [first, end) holds a part of a word of the burst, which is then written as a whole.
  bool breaks_word(uint64_t burst, uint64_t first, uint64_t end) const {
    const bool head = first > burst && first % kEccWordBytes != 0;
    const bool tail = end < burst + burst_bytes_ && end % kEccWordBytes != 0;
    return head || tail;
  }

 private:
  uint64_t check_of(uint64_t burst) const { return check_base_ + burst / group_bytes_ * burst_bytes_; }

  EccKind kind_;
  uint32_t burst_bytes_;
  uint64_t group_bytes_, check_base_;
};

/// What correction met.
struct EccCounters {
  uint64_t corrected = 0;    ///< words read or merged with one wrong bit
  uint64_t uncorrected = 0;  ///< with two
};

}  // namespace backboard::dram
