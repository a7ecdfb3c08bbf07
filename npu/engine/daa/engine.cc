#include "npu/engine/daa/engine.h"

#include "npu/engine/daa/compute_tile.h"
#include "npu/engine/daa/cost.h"
#include "npu/engine/tile_functions.h"

namespace backboard::npu::daa {
namespace {

/// What the multipliers take: values of these are values of bfloat16.
constexpr FormatMask kMultiply =
    mask_of(TensorFormat::kBF16) | mask_of(TensorFormat::kFP8) | mask_of(TensorFormat::kE4M3);
constexpr FormatMask kFp32 = mask_of(TensorFormat::kFP32);
constexpr FormatMask kU8 = mask_of(TensorFormat::kU8);

constexpr Offer kOffer = {
    .engine = EngineId::kDAA,
    .name = "daa",
    .opcodes = kAllOpcodes,
    .formats = kMultiply | kFp32 | kU8,
    .multiply = kMultiply,
    .vector_in = kMultiply | kFp32 | kU8,
    .vector_out = kMultiply | kFp32,
    .reduction_group = 2,
};

constexpr TileFunctions<DaaConfig> kFunctions = {.multiply = multiply_tile, .count = count_tile, .price = price};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return make_tile_engine(kOffer, kFunctions, configs.daa, configs);
}

}  // namespace backboard::npu::daa
