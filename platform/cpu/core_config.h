// What can be chosen about a core, and what its instructions cost.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/cache/cache_config.h"
#include "platform/config/fields.h"
#include "platform/cpu/isa.h"

namespace backboard {

/// Cycles of an instruction by its kind; an in-order single-issue pipeline of five stages is the picture behind the
/// defaults. The cost never depends on operand values. A data access adds the latency of its region or, outside
/// direct memory, the delay that the bus annotates, rounded up to whole cycles. Instruction fetch from direct memory
/// is hidden by the prefetcher (0 cycles); from elsewhere the annotated delay is added. With caches, accesses to
/// cacheable memory cost nothing more when they hit (data: `dcache.hit`), and the transfer of the line plus `miss`
/// when they miss.
struct CoreCosts {
  uint16_t alu = 1;
  uint16_t load = 2;
  uint16_t store = 1;
  uint16_t atomic = 4;  ///< LR, SC, AMO
  uint16_t multiply = 3;
  uint16_t divide = 20;
  uint16_t branch = 1;        ///< not taken
  uint16_t branch_taken = 1;  ///< added to `branch` when taken
  uint16_t jump = 2;
  uint16_t csr = 2;
  uint16_t fence = 2;      ///< FENCE, FENCE.I, CBO
  uint16_t system = 4;     ///< MRET, WFI, and the entry of a trap
  uint16_t fp_move = 1;    ///< sign injection, class, moves between files
  uint16_t fp_simple = 2;  ///< comparison, minimum, maximum
  uint16_t fp_add = 4;     ///< add, subtract, multiply, conversion
  uint16_t fp_fused = 5;   ///< fused multiply-add
  uint16_t fp_divide = 16;
  uint16_t fp_sqrt = 20;

  template <class V>
  void fields(V& v) {
    const Range cycles{1, 1000};
    v("alu", alu, cycles, "Integer arithmetic");
    v("load", load, cycles, "Loads, the access itself not counted");
    v("store", store, cycles, "Stores, the access itself not counted");
    v("atomic", atomic, cycles, "LR, SC, AMO");
    v("multiply", multiply, cycles, "Integer multiplication");
    v("divide", divide, cycles, "Integer division and remainder");
    v("branch", branch, cycles, "Branch not taken");
    v("branch_taken", branch_taken, Range{0, 1000}, "Added when the branch is taken");
    v("jump", jump, cycles, "JAL, JALR");
    v("csr", csr, cycles, "CSR instructions");
    v("fence", fence, cycles, "FENCE, FENCE.I, CBO");
    v("system", system, cycles, "MRET, WFI, entry of a trap");
    v("fp_move", fp_move, cycles, "Sign injection, class, moves between register files");
    v("fp_simple", fp_simple, cycles, "Comparison, minimum, maximum");
    v("fp_add", fp_add, cycles, "Addition, subtraction, multiplication, conversion");
    v("fp_fused", fp_fused, cycles, "Fused multiply-add");
    v("fp_divide", fp_divide, cycles, "Division");
    v("fp_sqrt", fp_sqrt, cycles, "Square root");
  }
};

/// The names of the instruction sets, as compilers spell them: extensions in alphabetical order, or `b` for the three
/// of bit manipulation. Of two names the first is the one that is written.
inline Choices<Isa> isa_choices() {
  using enum IsaExtension;
#define WITH_EXTENSIONS(name, base)                                                                          \
  {name, base}, {name "_zba", base.with(zba)}, {name "_zbb", base.with(zbb)}, {name "_zbs", base.with(zbs)}, \
      {name "_zba_zbb", base.with(zba).with(zbb)}, {name "_zba_zbs", base.with(zba).with(zbs)},              \
      {name "_zbb_zbs", base.with(zbb).with(zbs)}, {name "_zba_zbb_zbs", base.with(b)}, {                    \
    name "b", base.with(b)                                                                                   \
  }
  return {WITH_EXTENSIONS("rv32imafc", Isa::rv32imafc), WITH_EXTENSIONS("rv64imafdc", Isa::rv64imafdc)};
#undef WITH_EXTENSIONS
}

/// Whether blocks are compiled for the host. `automatic`: where that can be done.
enum class JitUse : uint8_t { automatic, on, off };

struct CoreConfig {
  std::string name = "core";
  Isa isa = Isa::rv32imafc;
  uint64_t clock_hz = 200'000'000;
  /// Longest run between two looks at the stop flag, but for the block that it ends in. Changes no result and no time.
  uint64_t quantum_ps = 100'000'000;
  uint64_t reset_pc = 0x1000;
  uint32_t hart_id = 0;
  /// Misaligned loads and stores trap (causes 4 and 6) instead of being carried out.
  bool misaligned_traps = false;
  /// Off: every data access is a bus transaction (slow; same results and times where the latencies agree).
  bool use_direct_memory = true;
  /// Blocks of RV32 that have run often are compiled for the host (x86-64; elsewhere the interpreter does everything).
  /// Changes no result, no time and no counter.
  JitUse jit = JitUse::automatic;
  uint32_t jit_after = 200;
  CoreCosts costs;
  CacheConfig code_cache;
  DataCacheConfig data_cache;
  /// Addresses [first, last] that the caches are for.
  struct MemoryRange {
    uint64_t first = 0;
    uint64_t last = 0;
  };
  std::vector<MemoryRange> cacheable;

  /// `name`, `reset_pc` and `cacheable` are the board's to set.
  template <class V>
  void fields(V& v) {
    v("isa", isa, isa_choices(), "Instruction set; Zicsr, Zifencei, Zicntr, Zicbom, user mode and PMP besides");
    v("clock", clock_hz, Hertz{1'000, 10'000'000'000}, "Clock of the core");
    v("quantum", quantum_ps, Picoseconds{1'000, 1'000'000'000'000}, "Longest run between two looks at the stop flag");
    v("hart_id", hart_id, Range{0, 0}, "mhartid");
    v("misaligned_traps", misaligned_traps, "Misaligned loads and stores trap");
    v("direct_memory", use_direct_memory, "Memory is accessed past the bus where the bus allows it");
    v("jit", jit, Choices<JitUse>{{"auto", JitUse::automatic}, {"true", JitUse::on}, {"false", JitUse::off}},
      "Blocks that run often are compiled for the host (x86-64, RV32); changes no result and no time");
    v("jit_after", jit_after, Range{0, 1'000'000'000}, "Executions of a block before it is compiled");
    v("costs", costs, "Cycles of an instruction by its kind");
    v("icache", code_cache, "Level-1 instruction cache");
    v("dcache", data_cache, "Level-1 data cache");
  }

  void check() const {
    if (jit == JitUse::on && isa.width_bits != 32) {
      throw ConfigRule("jit", "only code of RV32 is compiled: 'auto' or 'false' with a core of RV64");
    }
  }
};

}  // namespace backboard
