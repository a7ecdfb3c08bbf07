#include "npu/area/area.h"

namespace backboard::npu {
namespace {

/// Square micrometres of the cells of one circuit at 45 nm.
double cells_um2(const Circuits& circuits, const AreaConstants& k) {
  const double a = circuits.bits_a, b = circuits.bits_b;
  switch (circuits.kind) {
    case Circuits::Kind::kIntegerMultiplier:
      return k.int8_mul_um2 * a * b / 64.0;
    case Circuits::Kind::kFloatMultiplier:
      return k.fp16_mul_um2 * a * a / 121.0;
    case Circuits::Kind::kFloat32Multiplier:
      return k.fp32_mul_um2;
    case Circuits::Kind::kIntegerAdder:
      return k.int8_add_um2 * a / 8.0;
    case Circuits::Kind::kFloat16Adder:
      return k.fp16_add_um2;
    case Circuits::Kind::kFloat32Adder:
      return k.fp32_add_um2;
    case Circuits::Kind::kRegister:
      return k.register_bit_um2 * a;
    case Circuits::Kind::kMultiplexer:
      return k.multiplexer_bit_um2 * a;
    case Circuits::Kind::kSram:
      return k.sram_cell_um2;
  }
  return 0.0;
}

double& part_of(Area& area, Circuits::Kind kind) {
  switch (kind) {
    case Circuits::Kind::kIntegerMultiplier:
    case Circuits::Kind::kFloatMultiplier:
    case Circuits::Kind::kFloat32Multiplier:
      return area.multipliers_um2;
    case Circuits::Kind::kIntegerAdder:
    case Circuits::Kind::kFloat16Adder:
    case Circuits::Kind::kFloat32Adder:
      return area.adders_um2;
    case Circuits::Kind::kRegister:
    case Circuits::Kind::kMultiplexer:
      return area.registers_um2;
    case Circuits::Kind::kSram:
      return area.buffers_um2;
  }
  return area.registers_um2;
}

}  // namespace

void add_vector_unit(Inventory& inventory, uint32_t elements_per_cycle) {
  inventory.push_back({Circuits::Kind::kFloat32Multiplier, elements_per_cycle});
  inventory.push_back({Circuits::Kind::kFloat32Adder, elements_per_cycle});
}

Area area_of(const Inventory& inventory, const AreaConstants& constants) {
  constexpr double kNode_nm = 45.0;
  const double scale = (constants.node_nm / kNode_nm) * (constants.node_nm / kNode_nm);
  Area area;
  double logic_cells_mm2 = 0.0;
  for (const Circuits& circuits : inventory) {
    const double cells = static_cast<double>(circuits.count) * cells_um2(circuits, constants) * scale;
    const bool sram = circuits.kind == Circuits::Kind::kSram;
    if (!sram) logic_cells_mm2 += cells / 1e6;
    part_of(area, circuits.kind) += cells / (sram ? constants.sram_efficiency : constants.logic_utilisation);
  }
  area.leakage_mw =
      logic_cells_mm2 * constants.logic_leakage_mw_per_mm2 + area.buffers_um2 / 1e6 * constants.sram_leakage_mw_per_mm2;
  return area;
}

}  // namespace backboard::npu
