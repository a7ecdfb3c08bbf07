#include "npu/engine/taxonn/engine.h"

#include "npu/engine/table.h"
#include "npu/engine/taxonn/compute_tile.h"
#include "npu/engine/taxonn/cost.h"
#include "npu/engine/tile_engine.h"

namespace backboard::npu::taxonn {
namespace {

/// What tensors are stored in; the multipliers see fixed point.
constexpr FormatMask kMultiply = mask_of(TensorFormat::kFP16) | mask_of(TensorFormat::kFP8) |
                                 mask_of(TensorFormat::kFP16A) | mask_of(TensorFormat::kE4M3);
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

constexpr Offer kOffer = {
    .engine = EngineId::kTAXONN,
    .name = "taxonn",
    .opcodes = kAllOpcodes,
    .formats = kMultiply | kFp32 | kU8,
    .multiply = kMultiply,
    .vector_in = kMultiply | kFp32 | kU8,
    .vector_out = kMultiply | kFp32,
};

class Multipliers final : public TileArithmetic {
 public:
  explicit Multipliers(const EngineConfigs& configs) : config_(configs.taxonn), energy_(configs.energy) {}
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return false; }
  void multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                Workspace& workspace) const override {
    multiply_tile(config_, pass, tile, first, second, acc, workspace);
  }
  void count(Pass pass, const ConvTile& tile, const Operand&, const Operand&, Facts& facts, Workspace&) const override {
    count_tile(config_, pass, tile, facts);
  }
  void finish(Pass pass, uint32_t layer, std::vector<float>& sums) const override {
    finish_sums(config_, pass, layer, sums);
  }
  Price price(const Facts& facts) const override { return taxonn::price(facts, config_, energy_); }

 private:
  TaxonnConfig config_;
  EnergyConstants energy_;
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return std::make_unique<TileEngine>(std::make_unique<Multipliers>(configs), configs.host_threads);
}

}  // namespace backboard::npu::taxonn
