// Energy of the operations, each with its source. Fixed before any experiment; every one is a config value.
#pragma once

#include "platform/config/fields.h"

namespace backboard::npu {

/// Picojoules of one operation unless the name says otherwise.
struct EnergyConstants {
  double fp16_add_pj = 0.4;
  double fp16_mul_pj = 1.1;
  double fp32_add_pj = 0.9;
  double fp32_mul_pj = 3.7;
  double int8_add_pj = 0.03;
  double int8_mul_pj = 0.2;
  double int32_add_pj = 0.1;
  double int32_mul_pj = 3.1;
  double fp8_mac_share_of_fp16 = 0.25;    ///< FP8 MAC over FP16 MAC
  double sram_64bit_access_pj = 10.0;     ///< one 64-bit access of an 8 KB SRAM
  double dram_pj_per_bit = 8.0;           ///< cross-check only: the DRAM model counts commands
  double idle_lane_share_of_fp16 = 0.05;  ///< clocked but idle lane, share of an FP16 MAC

  template <class V>
  void fields(V& v) {
    const Reals picojoules{0.0, 1000.0};
    const Reals share{0.0, 1.0};
    v("fp16_add", fp16_add_pj, picojoules, "pJ of an FP16 addition (M. Horowitz, ISSCC 2014, 45 nm)");
    v("fp16_mul", fp16_mul_pj, picojoules, "pJ of an FP16 product (Horowitz)");
    v("fp32_add", fp32_add_pj, picojoules, "pJ of a binary32 addition (Horowitz)");
    v("fp32_mul", fp32_mul_pj, picojoules, "pJ of a binary32 product (Horowitz)");
    v("int8_add", int8_add_pj, picojoules, "pJ of an int8 addition (Horowitz)");
    v("int8_mul", int8_mul_pj, picojoules, "pJ of an int8 product (Horowitz)");
    v("int32_add", int32_add_pj, picojoules, "pJ of an int32 addition (Horowitz)");
    v("int32_mul", int32_mul_pj, picojoules, "pJ of an int32 product (Horowitz)");
    v("fp8_mac_share_of_fp16", fp8_mac_share_of_fp16, share, "FP8 MAC over FP16 MAC (LNPU, ISSCC 2019 7.7: a quarter)");
    v("sram_64bit_access", sram_64bit_access_pj, picojoules, "pJ of a 64-bit access of an 8 KB SRAM (Horowitz)");
    v("dram_per_bit", dram_pj_per_bit, picojoules, "pJ of a DRAM bit, cross-check only (Accelergy, LPDDR4)");
    v("idle_lane_share_of_fp16", idle_lane_share_of_fp16, share,
      "Idle lane over FP16 MAC (assumption of Backboard, no publication)");
  }
};

}  // namespace backboard::npu
