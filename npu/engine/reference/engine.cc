#include "npu/engine/reference/engine.h"

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

class Arithmetic final : public TileArithmetic {
 public:
  explicit Arithmetic(const EngineConfigs& configs) : config_(configs.reference), energy_(configs.energy) {}
  const Offer& offer() const override { return kOffer; }
  bool wants_classes() const override { return false; }
  void ff(const ConvTile& tile, const Operand& x, const Operand& w, float* acc, Facts& facts) const override {
    ff_tile(tile, x, w, acc, facts, workspace_);
  }
  void bp(const ConvTile& tile, const Operand& dy, const Operand& w, float* acc, Facts& facts) const override {
    bp_tile(tile, dy, w, acc, facts, workspace_);
  }
  void wg(const ConvTile& tile, const Operand& x, const Operand& dy, float* acc, Facts& facts) const override {
    wg_tile(tile, x, dy, acc, facts, workspace_);
  }
  Price price(const Facts& facts) const override { return reference::price(facts, config_, energy_); }

 private:
  ReferenceConfig config_;
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

}  // namespace backboard::npu::reference
