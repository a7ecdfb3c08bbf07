#include "npu/engine/reference/engine.h"

#include "npu/engine/reference/compute_tile.h"
#include "npu/engine/reference/cost.h"
#include "npu/engine/tile_functions.h"

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

constexpr TileFunctions<ReferenceConfig> kFunctions = {
    .multiply = multiply_tile, .count = count_tile, .price = price, .begins_sums = true};

}  // namespace

const Offer& offer() {
  return kOffer;
}

std::unique_ptr<Engine> make_engine(const EngineConfigs& configs) {
  return make_tile_engine(kOffer, kFunctions, configs.reference, configs);
}

}  // namespace backboard::npu::reference
