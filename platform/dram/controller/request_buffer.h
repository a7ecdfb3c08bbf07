// The one buffer of requests that all banks of a channel share.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/state/archive.h"

namespace backboard::dram {

/// A burst to read or write, as the controller was given it.
struct BurstRequest {
  uint64_t token = 0;    ///< the owner's, given back when the data have passed
  uint64_t arrival = 0;  ///< clock at which it was offered
  uint32_t bank = 0, row = 0, column = 0;
  bool write = false;
  bool masked = false;  ///< writes a part of the burst
};

using Slot = uint32_t;
inline constexpr Slot kNoSlot = UINT32_MAX;

/// Requests by bank, each bank's in order of acceptance. A fixed number of slots, no allocation after construction.
class RequestBuffer {
 public:
  struct Entry {
    BurstRequest request;
    uint64_t order = 0;      ///< grows with every request accepted
    Slot next = kNoSlot;     ///< the next younger of the bank
    bool activated = false;  ///< its row was opened for it
  };

  RequestBuffer(uint32_t slots, unsigned banks);

  bool full() const { return free_ == kNoSlot; }
  bool empty() const { return reads_ + writes_ == 0; }
  uint32_t reads() const { return reads_; }
  uint32_t writes() const { return writes_; }

  /// The oldest request of a bank, or kNoSlot.
  Slot first(unsigned bank) const { return lists_[bank].first; }
  Slot next(Slot slot) const { return entries_[slot].next; }
  const Entry& at(Slot slot) const { return entries_[slot]; }
  Entry& at(Slot slot) { return entries_[slot]; }

  /// Whether an older request of its bank, of the other direction, concerns the same burst.
  bool must_wait(Slot slot) const;

  Slot add(const BurstRequest& request);
  void remove(Slot slot);

  void state(StateArchive& archive);

 private:
  struct List {
    Slot first = kNoSlot, last = kNoSlot;
  };
  std::vector<Entry> entries_;
  std::vector<List> lists_;
  Slot free_ = 0;  ///< unused slots, linked by `next`
  uint32_t reads_ = 0, writes_ = 0;
  uint64_t order_ = 0;
};

}  // namespace backboard::dram
