// Area and leakage of circuits, each constant with its source. Fixed before any experiment; every one is a config
// value.
#pragma once

#include "platform/config/fields.h"

namespace backboard::npu {

/// Square micrometres at 45 nm unless the name says otherwise. Like the energies of energy_constants.h they belong to
/// one node; `node_nm` scales areas by its square and leaves energies alone.
struct AreaConstants {
  double node_nm = 45.0;
  double int8_mul_um2 = 282.0;
  double int8_add_um2 = 36.0;
  double fp16_mul_um2 = 1640.0;
  double fp16_add_um2 = 1360.0;
  double fp32_mul_um2 = 7700.0;
  double fp32_add_um2 = 4184.0;
  double register_bit_um2 = 4.522;
  double multiplexer_bit_um2 = 1.862;
  double sram_cell_um2 = 0.346;
  double sram_efficiency = 0.6;
  double logic_utilisation = 0.7;
  double logic_leakage_mw_per_mm2 = 17.5;
  double sram_leakage_mw_per_mm2 = 9.0;

  template <class V>
  void fields(V& v) {
    const Reals area{0.0, 1e6};
    const Reals share{0.01, 1.0};
    const Reals density{0.0, 1e4};
    v("node", node_nm, Reals{1.0, 1000.0}, "Node in nm: areas scale by (node / 45)^2 (ideal scaling, our assumption)");
    v("int8_mul", int8_mul_um2, area, "um2 of an int8 multiplier at 45 nm (W. Dally, NIPS 2015 tutorial, TSMC 45 nm)");
    v("int8_add", int8_add_um2, area, "um2 of an int8 adder (Dally); wider ones in proportion");
    v("fp16_mul", fp16_mul_um2, area, "um2 of an FP16 multiplier (Dally); other significands by their square");
    v("fp16_add", fp16_add_um2, area, "um2 of an FP16 adder (Dally)");
    v("fp32_mul", fp32_mul_um2, area, "um2 of a binary32 multiplier (Dally)");
    v("fp32_add", fp32_add_um2, area, "um2 of a binary32 adder (Dally)");
    v("register_bit", register_bit_um2, area, "um2 of a flip-flop (Nangate Open Cell Library 45 nm, DFF_X1)");
    v("multiplexer_bit", multiplexer_bit_um2, area, "um2 of a multiplexer of two (Nangate, MUX2_X1)");
    v("sram_cell", sram_cell_um2, area, "um2 of an SRAM cell (K. Mistry et al., IEDM 2007, 45 nm)");
    v("sram_efficiency", sram_efficiency, share, "Share of cells in an SRAM's area (our assumption)");
    v("logic_utilisation", logic_utilisation, share, "Share of cells in the area of placed logic (our assumption)");
    v("logic_leakage", logic_leakage_mw_per_mm2, density,
      "mW of leakage per mm2 of logic cells (Nangate, typical corner: DFF_X1 79 nW over its area)");
    v("sram_leakage", sram_leakage_mw_per_mm2, density, "mW of leakage per mm2 of SRAM (our assumption: half of it)");
  }
};

}  // namespace backboard::npu
