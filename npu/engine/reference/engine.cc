#include "npu/engine/reference/engine.h"

#include "npu/engine/conv_gemm.h"
#include "npu/engine/reference/compute_tile.h"
#include "npu/engine/reference/cost.h"
#include "npu/engine/table.h"
#include "npu/engine/tile_engine.h"

namespace backboard::npu::reference {
namespace {

/// Tensors are binary32. Bytes are taken as inputs: images, labels and pooling indices are bytes for every engine.
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

constexpr Offer kOffer = {
    .engine = EngineId::kREFERENCE,
    .name = "reference",
    .opcodes = kAllOpcodes,
    .formats = kFp32 | kU8,
    .multiply = kFp32 | kU8,
    .vector_in = kFp32 | kU8,
    .vector_out = kFp32,
};

class Multipliers final : public TileArithmetic {
 public:
  explicit Multipliers(const EngineConfigs& configs) : config_(configs.reference), energy_(configs.energy) {}
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return false; }
  void multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                Workspace& workspace) const override {
    switch (pass) {
      case Pass::ff:
        return conv_ff(Arithmetic::kMultiplyThenAdd, tile, first.values, second.values, acc, workspace);
      case Pass::bp:
        return conv_bp(Arithmetic::kMultiplyThenAdd, tile, first.values, second.values, acc, workspace);
      case Pass::wg:
        return conv_wg(Arithmetic::kMultiplyThenAdd, tile, first.values, second.values, acc, workspace);
    }
  }
  void count(Pass pass, const ConvTile& tile, const Operand&, const Operand&, Facts& facts, Workspace&) const override {
    switch (pass) {
      case Pass::ff:
        return ff_facts(tile, facts);
      case Pass::bp:
        return bp_facts(tile, facts);
      case Pass::wg:
        return wg_facts(tile, facts);
    }
  }
  Price price(const Facts& facts) const override { return reference::price(facts, config_, energy_); }

 private:
  ReferenceConfig config_;
  EnergyConstants energy_;
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<TileEngine>(std::make_unique<Multipliers>(configs), configs.host_threads);
}

}  // namespace backboard::npu::reference
