// The second tier: hot blocks as code of the host (x86-64, by asmjit). What it leaves of registers, time, counters and
// memory is what the interpreter leaves.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <memory>
#include <span>
#include <unordered_map>
#include <vector>

#include "platform/cpu/block_cache.h"
#include "platform/cpu/code_memory.h"

namespace backboard {

struct CompiledBlock;

/// An instruction of a compiled block that calls back.
struct CompiledSite {
  CompiledBlock* block = nullptr;
  const Operation* operation = nullptr;
  /// With a data cache: cycles of the hits of the block before the instruction, and of its own.
  uint32_t latency_before = 0;
  uint32_t latency_own = 0;
  // Of a load or store, so that nobody has to ask the operation.
  bool load = false;
  bool store = false;
  bool sign_extends = false;
  bool floating = false;
  uint32_t size_bytes = 0;
  uint32_t cycles_before = 0;  ///< of the operation
  uint32_t worst_cycles = 0;   ///< of the block
};

/// Why compiled code was left, or whether it goes on behind a call.
enum class CompiledExit : uint64_t {
  goes_on = 0,
  left = 1,     ///< the call has brought the core to an instruction boundary
  limit = 2,    ///< the block at pc might not end in time
  unknown = 3,  ///< the block at pc is not compiled, or the code cache does not hold it
};

/// Handed back in two registers. `clock`: edge at which the block has started, moved by what its accesses have taken
/// beyond what its end will count.
struct CompiledReturn {
  uint64_t clock;
  CompiledExit exit;
};

/// What compiled code reads and writes of its core, and whom it calls.
struct CompiledPlaces {
  void* core = nullptr;
  uint32_t* x = nullptr;  ///< the others lie within 2 GiB of it
  uint32_t* f = nullptr;
  uint32_t* pc = nullptr;
  uint64_t* retired = nullptr;
  uint64_t* limit = nullptr;  ///< clock edge by which a block must end: the quantum's
  // Another quantum may start where the last one ends, of `quantum` cycles, up to clock edge `last`, unless `stop`.
  const uint64_t* quantum = nullptr;
  const uint64_t* last = nullptr;
  const std::atomic<bool>* stop = nullptr;
  uint8_t* fs = nullptr;
  uint32_t* frm = nullptr;
  uint32_t* fflags = nullptr;
  /// A load, a store or an atomic instruction that is not simply one of home memory.
  CompiledReturn (*load)(void* core, const CompiledSite* site, uint32_t address, uint64_t clock) = nullptr;
  CompiledReturn (*store)(void* core, const CompiledSite* site, uint32_t address, uint64_t clock) = nullptr;
  CompiledReturn (*atomic)(void* core, const CompiledSite* site, uint32_t address, uint64_t clock) = nullptr;
  /// Floating point.
  CompiledReturn (*floating)(void* core, const CompiledSite* site, uint32_t unused, uint64_t clock) = nullptr;
  /// CSR instructions, which end their block.
  CompiledReturn (*csr)(void* core, const CompiledSite* site, uint32_t unused, uint64_t clock) = nullptr;
  /// What sees the whole core, or is illegal: leaves.
  CompiledReturn (*system)(void* core, const CompiledSite* site, uint32_t unused, uint64_t clock) = nullptr;
};

/// The direct region whose loads and stores need no look at more than a byte for each page, where there is no data
/// cache: their bytes and latency are counted by block, as instructions are.
struct HomeMemory {
  uint32_t region = UINT32_MAX;
  uintptr_t host_minus_guest = 0;
  uint32_t read_cycles = 0;
  uint32_t write_cycles = 0;
  bool operator==(const HomeMemory&) const = default;
};

/// How loads and stores are compiled.
struct CompiledData {
  HomeMemory home;
  bool no_wrap = false;    ///< home memory lies farther than any offset from both ends of the address space
  bool misaligned = true;  ///< accesses may be; off: they trap
  // With a data cache: lines that DataPath's table holds, at the cost of a hit; accesses are counted there.
  bool by_lines = false;
  unsigned line_shift = 0;
  uint32_t lines = 0;     ///< slots of the cache
  bool in_place = false;  ///< lines have no data: most lie where `home` says; else it is the data of the first slot
  uint32_t hit_cycles = 0;
};

/// The lines of the code cache that a block lies in: it may run while each place holds its number (Block::fills), and
/// makes them as old as its start. nullptr: no cached code.
struct CompiledLines {
  const uint32_t* number_place[2] = {};
  uint64_t* age_place[2] = {};
  uint32_t number[2] = {};
};

/// A block with its code and what it has done since that was last added to the core's counters.
struct CompiledBlock {
  uint64_t executions[2] = {};  ///< that ended in order, and in a taken branch
  const void* next[2] = {};     ///< where these go on: code of another block, or the way out
  const void* entry = nullptr;  ///< leaves when the block might not end in time
  const void* body = nullptr;   ///< the same without a look at the time and at the lines
  CompiledLines lines;
  Block block;
  uint32_t taken_cycles = 0;  ///< what a taken branch costs beyond the block's cycles
};

/// Compiled blocks by pc, chained to one another. Everything is dropped at once.
class CompiledCode {
 public:
  /// nullptr where the host has no compiler.
  static std::unique_ptr<CompiledCode> create(const CompiledPlaces& places);

  /// The block of `key` (Block::key), nullptr when it is not compiled.
  CompiledBlock* find(uint64_t key);
  /// Counts an execution of the block of `key`, which is not compiled. True when there were more than `executions`
  /// (of it, or of others that share its count) since the last clear().
  bool is_hot(uint64_t key, uint32_t executions) { return heat_[place(key)]++ >= executions; }
  /// Compiles `block`, whose operations must stay until clear(). nullptr when there is no more room.
  CompiledBlock* compile(const Block& block, const CompiledData& data, uint32_t taken_cycles);
  /// Runs from `start` (entry or body of a block) with a table of what may be accessed: DataPath::home_pages, or with
  /// a data cache DataPath::Table::granules.
  CompiledReturn run(const void* start, const HomeMemory& home, const void* table, uint64_t clock) {
    return enter_(start, places_.x, table, home.host_minus_guest, clock);
  }

  bool empty() const { return blocks_.empty(); }
  /// No room for one more block.
  bool full() const;
  template <class Visit>
  void for_each(Visit visit) {
    for (CompiledBlock& block : blocks_) visit(block);
  }
  void clear();

 private:
  friend class BlockCompiler;
  /// Where a jump to a computed address looks; `key` as in Block. A place that holds no key was never taken.
  struct alignas(32) Entry {
    uint64_t key = Block::kNoKey;
    const void* code = nullptr;
    CompiledBlock* block = nullptr;
  };
  static constexpr size_t kEntries = 8192;
  static constexpr size_t kCodeBytes = size_t{32} << 20;
  using Enter = CompiledReturn (*)(const void* start, uint32_t* x, const void* table, uintptr_t home, uint64_t clock);

  explicit CompiledCode(const CompiledPlaces& places)
      : places_(places), memory_(kCodeBytes), entries_(kEntries), heat_(kEntries) {}
  bool make_frame();
  static size_t place(uint64_t key) { return key >> 1 & (kEntries - 1); }
  Entry& entry(uint64_t key) { return entries_[place(key)]; }
  void publish(CompiledBlock& block);

  CompiledPlaces places_;
  CodeMemory memory_;
  std::vector<Entry> entries_;
  std::vector<uint32_t> heat_;
  std::deque<CompiledBlock> blocks_;
  std::deque<CompiledSite> sites_;
  std::unordered_map<uint64_t, CompiledBlock*> by_key_;
  std::unordered_multimap<uint64_t, const void**> waiting_;  ///< ends of blocks by the key that they want to go to
  // The frame around all code: made once.
  Enter enter_ = nullptr;
  size_t frame_bytes_ = 0;
  uint64_t leave_ = 0, call_load_ = 0, call_store_ = 0, call_atomic_ = 0, call_floating_ = 0, call_csr_ = 0,
           call_system_ = 0;
};

}  // namespace backboard
