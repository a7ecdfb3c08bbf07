// Energy of the operations, each with its source. Fixed before any experiment; every one is a config value.
#pragma once

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

  /// Lists key, value, unit and source: serves loading, dumping and documentation.
  template <class V>
  void fields(V& v) {
    static constexpr const char* kHorowitz = "M. Horowitz, ISSCC 2014, 45 nm";
    v("fp16_add", fp16_add_pj, "pJ", kHorowitz);
    v("fp16_mul", fp16_mul_pj, "pJ", kHorowitz);
    v("fp32_add", fp32_add_pj, "pJ", kHorowitz);
    v("fp32_mul", fp32_mul_pj, "pJ", kHorowitz);
    v("int8_add", int8_add_pj, "pJ", kHorowitz);
    v("int8_mul", int8_mul_pj, "pJ", kHorowitz);
    v("int32_add", int32_add_pj, "pJ", kHorowitz);
    v("int32_mul", int32_mul_pj, "pJ", kHorowitz);
    v("fp8_mac_share_of_fp16", fp8_mac_share_of_fp16, "ratio", "LNPU, ISSCC 2019 7.7, abstract: FP8 a quarter of FP16");
    v("sram_64bit_access", sram_64bit_access_pj, "pJ", kHorowitz);
    v("dram_per_bit", dram_pj_per_bit, "pJ/bit", "Accelergy, LPDDR4");
    v("idle_lane_share_of_fp16", idle_lane_share_of_fp16, "ratio", "assumption of Backboard, no publication");
  }
};

}  // namespace backboard::npu
