#include "npu/engine/lnpu/engine.h"

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

class Arithmetic final : public TileArithmetic {
 public:
  explicit Arithmetic(const EngineConfigs& configs) : config_(configs.lnpu), energy_(configs.energy) {}
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return true; }
  void ff(const ConvTile& tile, const Operand& x, const Operand& w, float* acc, Facts& facts) const override {
    ff_tile(config_, tile, x, w, acc, facts, workspace_);
  }
  void bp(const ConvTile& tile, const Operand& dy, const Operand& w, float* acc, Facts& facts) const override {
    bp_tile(config_, tile, dy, w, acc, facts, workspace_);
  }
  void wg(const ConvTile& tile, const Operand& x, const Operand& dy, float* acc, Facts& facts) const override {
    wg_tile(config_, tile, x, dy, acc, facts, workspace_);
  }
  Price price(const Facts& facts) const override { return lnpu::price(facts, config_, energy_); }

 private:
  LnpuConfig config_;
  EnergyConstants energy_;
  mutable Workspace workspace_;  ///< holds nothing between calls
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<TileEngine>(std::make_unique<Arithmetic>(configs));
}

}  // namespace backboard::npu::lnpu
