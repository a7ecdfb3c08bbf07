// Decoded straight-line runs of instructions, found by the pc of their first.
#pragma once

#include <cstdint>
#include <vector>

#include "platform/cache/cache.h"
#include "platform/cpu/decode.h"

namespace backboard {

/// Instructions from one pc up to a jump, a system instruction or kMaxOperations, decoded at one privilege level.
/// `operations` holds `count` of them, in the interpreter's order (operation_order.h), and one more of kBlockEnd. What
/// a block did is counted in the block, once per execution, and added to the statistics when it is dropped.
///
/// An exit is where a block leads to: the key of the next one, and the only place where that can be.
///
/// With a code cache, a block of cacheable code lies in one line; an instruction that crosses into the next line is a
/// block by itself. It may run while the slots hold its line (or lines).
struct alignas(64) Block {
  struct Exit {
    uint64_t key = 0;
    Block* place = nullptr;
  };
  /// Where its instructions are fetched from.
  struct Origin {
    uint32_t region = 0;  ///< direct region of the code
    bool cached = false;  ///< in lines of the code cache
    uint8_t lines = 1;    ///< that each of its instructions lies in
  };

  uint64_t key = kNoKey;  ///< pc, with bit 0 set for user mode
  const Operation* operations = nullptr;
  Exit exits[2];              ///< behind the last instruction; where a branch or JAL at its end leads
  uint32_t worst_cycles = 0;  ///< no execution without a bus access takes longer
  uint16_t cycles = 0;        ///< of all operations, with the latency of home memory, without taken branches
  uint16_t count = 0;
  // What the interpreter needs from one block to the next ends here, at the end of a line of the host's cache.
  uint64_t executions[2] = {};  ///< that ended in order, and in a taken branch
  Origin origin;
  /// Slots of the code cache (that of the line and of the one it crosses into, or the line's twice), and the numbers
  /// of the fills that it was decoded from: Cache::kAlwaysThere for code that is not cached.
  uint32_t slots[2] = {};
  uint32_t fills[2] = {Cache::kAlwaysThere, Cache::kAlwaysThere};
  uint16_t bytes = 0;
  uint16_t crosses = 0;  ///< bytes from its line to a second one; 0 when there is none

  bool cached() const { return origin.cached; }
  /// Whether the code cache, whose fill numbers are given, still holds what it was decoded from.
  bool is_there(const uint32_t* numbers) const {
    return numbers[slots[0]] == fills[0] && numbers[slots[1]] == fills[1];
  }

  static constexpr uint64_t kNoKey = UINT64_MAX;
  static constexpr unsigned kMaxOperations = 64;
  uint64_t pc() const { return key & ~uint64_t{1}; }
};
static_assert(sizeof(Block) == 128);

/// A direct-mapped table of blocks over an arena of operations. Dropping everything is cheap and is what happens when
/// the arena is full, at FENCE.I and when permissions change.
class BlockCache {
 public:
  static constexpr unsigned kSlots = 8192;
  static constexpr unsigned kArenaOperations = 1u << 18;

  BlockCache() : slots_(kSlots), arena_(kArenaOperations), parts_(kArenaOperations) {}

  Block& slot(uint64_t key) { return slots_[key >> 1 & (kSlots - 1)]; }
  Block* slots() { return slots_.data(); }

  bool empty() const { return live_.empty(); }
  /// Room for one more block of any length?
  bool has_room() const { return used_ + Block::kMaxOperations + 1 <= kArenaOperations; }
  /// The place where the next block's operations are written.
  Operation* room() { return arena_.data() + used_; }
  /// Where the bytes may be kept that `operations` were decoded from, four for each.
  uint8_t* code(const Operation* operations) {
    if (code_.empty()) code_.resize(4 * size_t{kArenaOperations});
    return code_.data() + 4 * (operations - arena_.data());
  }
  /// How often a block was left before `operation`, which is of a block (or its end); nullptr for operations elsewhere.
  uint64_t* part(const Operation* operation) {
    return operation >= arena_.data() && operation < arena_.data() + kArenaOperations
               ? &parts_[static_cast<size_t>(operation - arena_.data())]
               : nullptr;
  }
  /// Takes `count` operations of the room into use, for the block of `slot`.
  void commit(Block& slot, unsigned count) {
    used_ += count;
    live_.push_back(static_cast<uint32_t>(&slot - slots_.data()));
  }

  /// Drops all blocks; `visit(Block&)` sees each one that holds something first.
  template <class Visit>
  void clear(Visit visit) {
    for_each(visit);
    for (const uint32_t index : live_) slots_[index] = Block{};
    live_.clear();
    used_ = 0;
  }
  template <class Visit>
  void for_each(Visit visit) {
    for (const uint32_t index : live_) {
      if (slots_[index].key != Block::kNoKey) visit(slots_[index]);
    }
  }

 private:
  std::vector<Block> slots_;
  std::vector<Operation> arena_;
  std::vector<uint64_t> parts_;  ///< by operation
  std::vector<uint8_t> code_;
  std::vector<uint32_t> live_;
  uint32_t used_ = 0;
};

}  // namespace backboard
