#include "npu/engine/neuroflix/engine.h"

#include "npu/engine/neuroflix/compute_tile.h"
#include "npu/engine/neuroflix/cost.h"
#include "npu/engine/tile_functions.h"

namespace backboard::npu::neuroflix {
namespace {

/// Half precision and what it contains or nearly so: groups of these align without leaving the range of binary32.
constexpr FormatMask kMultiply = mask_of(TensorFormat::kFP16) | mask_of(TensorFormat::kFP8) |
                                 mask_of(TensorFormat::kFP16A) | mask_of(TensorFormat::kE4M3) | kFixedFormats;
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

constexpr Offer kOffer = {
    .engine = EngineId::kNEUROFLIX,
    .name = "neuroflix",
    .opcodes = kAllOpcodes,
    .formats = kMultiply | kFp32 | kU8,
    .multiply = kMultiply,
    .vector_in = kMultiply | kFp32 | kU8,
    .vector_out = kMultiply | kFp32,
    .reduction_group = kGroup,
};

constexpr TileFunctions<NeuroflixConfig> kFunctions = {
    .multiply = multiply_tile,
    .count = [](const NeuroflixConfig& config, Pass pass, const ConvTile& tile, const Operand&, const Operand&,
                Facts& facts, Workspace&) { count_tile(config, pass, tile, facts); },
    .price = price};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return make_tile_engine(kOffer, kFunctions, configs.neuroflix, configs);
}

}  // namespace backboard::npu::neuroflix
