#include "npu/engine/lnpu/engine.h"

#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/lnpu/cost.h"
#include "npu/engine/tile_functions.h"

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

constexpr TileFunctions<LnpuConfig> kFunctions = {
    .multiply = multiply_tile, .count = count_tile, .price = price, .wants_classes = true, .begins_sums = true};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return make_tile_engine(kOffer, kFunctions, configs.lnpu, configs);
}

}  // namespace backboard::npu::lnpu
