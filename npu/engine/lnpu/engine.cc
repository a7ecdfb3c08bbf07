#include "npu/engine/lnpu/engine.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/lnpu/cost.h"
#include "npu/engine/table.h"
#include "npu/engine/tile_engine.h"

namespace backboard::npu::lnpu {
namespace {

/// What the multipliers take: products of these are exact in binary32.
constexpr FormatMask kMultiply = mask_of(TensorFormat::kFP16) | mask_of(TensorFormat::kFP8) |
                                 mask_of(TensorFormat::kFP16Z) | mask_of(TensorFormat::kFGMP) |
                                 mask_of(TensorFormat::kFP16A) | mask_of(TensorFormat::kE4M3);
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

constexpr Offer kOffer = {
    .engine = EngineId::kLNPU,
    .name = "lnpu",
    .opcodes = kAllOpcodes,
    .formats = kMultiply | kFp32 | kU8,
    .multiply = kMultiply,
    .vector_in = kMultiply | kFp32 | kU8,
    .vector_out = kMultiply | kFp32,
};

class Multipliers final : public TileArithmetic {
 public:
  explicit Multipliers(const EngineConfigs& configs) : config_(configs.lnpu), energy_(configs.energy) {}
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return true; }
  void multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                Workspace& workspace) const override {
    const Arithmetic arithmetic = arithmetic_of(config_.accumulator);
    switch (pass) {
      case Pass::ff:
        return conv_ff(arithmetic, tile, first.values, second.values, acc, workspace);
      case Pass::bp:
        return conv_bp(arithmetic, tile, first.values, second.values, acc, workspace);
      case Pass::wg:
        return conv_wg(arithmetic, tile, first.values, second.values, acc, workspace);
    }
  }
  void count(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, Facts& facts,
             Workspace& workspace) const override {
    switch (pass) {
      case Pass::ff:
        return ff_facts(config_, tile, first, second, facts, workspace);
      case Pass::bp:
        return bp_facts(config_, tile, first, second, facts, workspace);
      case Pass::wg:
        return wg_facts(config_, tile, first, second, facts, workspace);
    }
  }
  Price price(const Facts& facts) const override { return lnpu::price(facts, config_, energy_); }

 private:
  LnpuConfig config_;
  EnergyConstants energy_;
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<TileEngine>(std::make_unique<Multipliers>(configs), configs.host_threads);
}

}  // namespace backboard::npu::lnpu
