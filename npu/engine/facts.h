// What an engine did in a compute step. Facts have no time in them; cost models price them.
#pragma once

#include <array>
#include <cstdint>

#include "npu/codec/element_class.h"
#include "npu/sgd/sgd_unit.h"

namespace backboard::npu {

inline constexpr unsigned kMaxCores = 64;
inline constexpr unsigned kMaxBanks = 64;

/// Counts of what happened; sums over tiles. For every tiling of a command the counts are the same, except those of
/// lanes, which belong to the tiles that were run.
struct Facts {
  uint64_t macs = 0;          ///< products whose operands both lie inside their tensors, skipped ones included
  uint64_t macs_padding = 0;  ///< FF, WG: taps that fell on padding; never issued, not part of `macs`
  uint64_t macs_skipped = 0;  ///< of `macs`: not issued because the engine's skipped operand was zero
  /// `macs` by class of (input, other operand). FF: (x, w); BP: (dy, w); WG: (dy, x).
  std::array<std::array<uint64_t, kElementClasses>, kElementClasses> macs_by_class{};
  uint64_t slowest_half_cycles = 0;  ///< half-cycles of the slowest lane of the slowest core, summed over tiles
  uint64_t busy_half_cycles = 0;     ///< half-cycles in which lanes worked, summed over lanes and cores
  std::array<uint64_t, kMaxCores> core_half_cycles{};  ///< slowest lane of each core, summed over tiles
  // Engines with an array of rows x columns of units: a fold is a rectangle of outputs that the array takes at once.
  // [0]: folds that take one product a unit and step, [1]: two.
  std::array<uint64_t, 2> folds{};
  std::array<uint64_t, 2> fold_steps{};  ///< steps of the folds through their reductions, summed
  uint64_t fold_edges = 0;               ///< rows + columns - 2 of the folds, summed: the way in and out
  uint64_t operands_fed = 0;             ///< operands that entered the array
  uint64_t brick_products = 0;           ///< products of pieces of operands (neuroflix)
  uint64_t group_sums = 0;               ///< sums of a group of terms that were added to an output (neuroflix)
  uint64_t quantised = 0;                ///< elements rounded to codes for fixed-point units (rowpipe)
  uint64_t dequantised = 0;              ///< sums of fixed-point units turned into FP16 (rowpipe)
  uint64_t bank_cycles = 0;              ///< of the busiest bank of the row buffers, summed over output rows (rowpipe)
  /// Words that each bank gave or took for rows that are made side by side (rowpipe).
  std::array<uint64_t, kMaxBanks> bank_words{};
  uint64_t tiles = 0;
  uint64_t outputs = 0;             ///< accumulators touched, summed over tiles
  uint64_t saturated = 0;           ///< elements saturated when rounded or stored
  uint64_t nonfinite = 0;           ///< non-finite values met when rounded or stored
  uint64_t elementwise = 0;         ///< element operations outside the multiplier array: bias, ReLU, pooling, loss
  SgdFacts sgd;                     ///< operations of weight updates, fused into a layer or not
  uint64_t buffer_read_bytes = 0;   ///< local buffer, filled in by whoever moves the data
  uint64_t buffer_write_bytes = 0;  ///< local buffer

  void add(const Facts& other);
  bool operator==(const Facts&) const = default;
};

}  // namespace backboard::npu
