// What can be chosen about a core, and what its instructions cost.
#pragma once

#include <cstdint>
#include <string>

namespace backboard {

/// Cycles of an instruction by its kind; an in-order single-issue pipeline of five stages is the picture behind the
/// defaults. The cost never depends on operand values. A data access adds the latency of its region or, outside
/// direct memory, the delay that the bus annotates, rounded up to whole cycles. Instruction fetch from direct memory
/// is hidden by the prefetcher (0 cycles); from elsewhere the annotated delay is added.
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
};

struct CoreConfig {
  std::string name = "core";
  uint64_t clock_hz = 200'000'000;
  /// Longest run between two looks at the stop flag. Changes no result and no time.
  uint64_t quantum_ps = 100'000'000;
  uint64_t reset_pc = 0x1000;
  uint32_t hart_id = 0;
  /// Misaligned loads and stores trap (causes 4 and 6) instead of being carried out.
  bool misaligned_traps = false;
  /// Off: every data access is a bus transaction (slow; same results and times where the latencies agree).
  bool use_direct_memory = true;
  CoreCosts costs;
};

}  // namespace backboard
