// Area of an engine from what it is built of: an estimate by parts, no synthesis.
#pragma once

#include <cstdint>
#include <vector>

#include "npu/area/area_constants.h"

namespace backboard::npu {

/// Circuits of one kind. Widths are those of operands, the sign of integers and the hidden bit of significands
/// included.
struct Circuits {
  enum class Kind : uint8_t {
    kIntegerMultiplier,  ///< bits_a x bits_b: partial products, from int8's 64
    kFloatMultiplier,    ///< significands of bits_a each: from FP16's 121
    kFloat32Multiplier,
    kIntegerAdder,  ///< of bits_a
    kFloat16Adder,
    kFloat32Adder,
    kRegister,     ///< of bits_a
    kMultiplexer,  ///< of two, bits_a wide
    kSram,         ///< bits_a is not read; count is in bits
  };
  Kind kind;
  uint64_t count = 0;
  uint32_t bits_a = 0, bits_b = 0;
};

/// What an engine is built of, its local buffer included. DMA, ring, codec, sequencer and SGD unit are the same for all
/// and left out.
using Inventory = std::vector<Circuits>;

/// The unit for everything that is no product: a binary32 multiplier and adder for each element a cycle. Every engine
/// has it.
void add_vector_unit(Inventory& inventory, uint32_t elements_per_cycle);

/// Square micrometres, by what takes them.
struct Area {
  double multipliers_um2 = 0;
  double adders_um2 = 0;
  double registers_um2 = 0;  ///< and multiplexers
  double buffers_um2 = 0;
  double leakage_mw = 0;
  /// Multipliers, adders, registers.
  double logic_um2() const { return multipliers_um2 + adders_um2 + registers_um2; }
  double total_um2() const { return logic_um2() + buffers_um2; }
};

/// Area and leakage of an inventory; pure. Areas of logic are of placed cells, utilisation included.
Area area_of(const Inventory& inventory, const AreaConstants& constants);

}  // namespace backboard::npu
