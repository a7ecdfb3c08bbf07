// The rowpipe engine as a row of the engine table.
#pragma once

#include <memory>

#include "npu/engine/engine.h"
#include "npu/engine/offer.h"

namespace backboard::npu {
struct EngineConfigs;
}

namespace backboard::npu::rowpipe {

const Offer& offer();
std::unique_ptr<Engine> make_engine(const EngineConfigs& configs);

}  // namespace backboard::npu::rowpipe
