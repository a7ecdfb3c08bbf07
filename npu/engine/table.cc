#include "npu/engine/table.h"

#include "npu/engine/daa/cost.h"
#include "npu/engine/daa/engine.h"
#include "npu/engine/lnpu/cost.h"
#include "npu/engine/lnpu/engine.h"
#include "npu/engine/neuroflix/cost.h"
#include "npu/engine/neuroflix/engine.h"
#include "npu/engine/reference/engine.h"
#include "npu/engine/rowpipe/cost.h"
#include "npu/engine/rowpipe/engine.h"
#include "npu/engine/taxonn/cost.h"
#include "npu/engine/taxonn/engine.h"

namespace backboard::npu {
namespace {

constexpr EngineRow kEngines[] = {
    {EngineId::kREFERENCE, "reference", "Binary32 throughout: the full-precision yardstick", reference::offer,
     reference::make_engine, [](const EngineConfigs& c) { return reference::inventory(c.reference); }},
    {EngineId::kLNPU, "lnpu", "FP8 or FP16 chosen per element, zero skipping (KAIST, ISSCC 2019)", lnpu::offer,
     lnpu::make_engine, [](const EngineConfigs& c) { return lnpu::inventory(c.lnpu); }},
    {EngineId::kDAA, "daa", "Two streams on a systolic array, precision decided per product (IEEE CAL 2023)",
     daa::offer, daa::make_engine, [](const EngineConfigs& c) { return daa::inventory(c.daa); }},
    {EngineId::kNEUROFLIX, "neuroflix", "Fixed-point data, floating-point error, sums by bricks (IEEE TC 2022)",
     neuroflix::offer, neuroflix::make_engine,
     [](const EngineConfigs& c) { return neuroflix::inventory(c.neuroflix); }},
    {EngineId::kTAXONN, "taxonn", "Fixed point, training in simple steps on an inference array (ISCAS 2020)",
     taxonn::offer, taxonn::make_engine, [](const EngineConfigs& c) { return taxonn::inventory(c.taxonn); }},
    {EngineId::kROWPIPE, "rowpipe", "Row pipeline of fixed-point and FP16 units, frozen convolutions (ISCAS 2024)",
     rowpipe::offer, rowpipe::make_engine, [](const EngineConfigs& c) { return rowpipe::inventory(c.rowpipe); }},
};

}  // namespace

std::optional<Area> area_of_engine(const EngineRow& row, const EngineConfigs& configs, uint64_t buffer_bytes) {
  if (row.inventory == nullptr) return std::nullopt;
  Inventory inventory = row.inventory(configs);
  inventory.push_back({Circuits::Kind::kSram, 8 * buffer_bytes});
  return area_of(inventory, configs.area);
}

std::span<const EngineRow> engine_table() {
  return kEngines;
}

const EngineRow* find_engine(const std::string& name) {
  for (const EngineRow& row : kEngines) {
    if (name == row.name) return &row;
  }
  return nullptr;
}

const EngineRow* find_engine(EngineId id) {
  for (const EngineRow& row : kEngines) {
    if (row.id == id) return &row;
  }
  return nullptr;
}

}  // namespace backboard::npu
