#include "npu/engine/taxonn/engine.h"

#include "npu/engine/taxonn/compute_tile.h"
#include "npu/engine/taxonn/cost.h"
#include "npu/engine/taxonn/fix_masters.h"
#include "npu/engine/tile_functions.h"

namespace backboard::npu::taxonn {
namespace {

/// What tensors are stored in; the multipliers see fixed point.
constexpr FormatMask kMultiply = mask_of(TensorFormat::kFP16) | mask_of(TensorFormat::kFP8) |
                                 mask_of(TensorFormat::kFP16A) | mask_of(TensorFormat::kE4M3) | kFixedFormats;
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

/// The derivative unit takes f' from a layer's output, which says nothing of GELU's.
constexpr uint64_t kOpcodes = kAllOpcodes & ~kGeluOpcodes;

constexpr Offer kOffer = {
    .engine = EngineId::kTAXONN,
    .name = "taxonn",
    .opcodes = kOpcodes,
    .formats = kMultiply | kFp32 | kU8,
    .multiply = kMultiply,
    .vector_in = kMultiply | kFp32 | kU8,
    .vector_out = kMultiply | kFp32,
};

constexpr TileFunctions<TaxonnConfig> kFunctions = {
    .multiply = multiply_tile,
    .count = [](const TaxonnConfig& config, Pass pass, const ConvTile& tile, const Operand&, const Operand&,
                Facts& facts, Workspace&) { count_tile(config, pass, tile, facts); },
    .price = price,
    .finish = finish_sums,
    .rounds_masters = [](const TaxonnConfig& config) { return config.masters == Masters::kFixed; },
    .round_masters =
        [](const TaxonnConfig& config, uint32_t layer, const SgdParameters& parameters, uint32_t first_element,
           std::span<const float> gradient, std::span<float> masters) {
          return fix_masters(config.widths_of(layer).weight, parameters, first_element, gradient, masters);
        },
};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return make_tile_engine(kOffer, kFunctions, configs.taxonn, configs);
}

}  // namespace backboard::npu::taxonn
