// An engine that exists in the tests only: one folder and one row prove that nothing else knows an engine by name.
#pragma once

#include "npu/engine/table.h"

namespace backboard::npu::toy {

/// Products are rounded towards zero to whole sixteenths, sums are binary32. Convolutions and FC layers of binary32
/// tensors, conversions and ReLU; no update on the write-back path.
const Offer& offer();
std::unique_ptr<Engine> make_engine(const EngineConfigs& configs);

inline constexpr EngineRow kRow = {static_cast<EngineId>(0x746f79), "toy", "Products in sixteenths", offer,
                                   make_engine};

/// The product of the toy.
float product(float a, float b);

}  // namespace backboard::npu::toy
