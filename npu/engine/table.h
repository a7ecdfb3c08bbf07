// The table of engines: one row each. A new engine is a folder and a row.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>

#include "npu/area/area.h"
#include "npu/engine/daa/config.h"
#include "npu/engine/energy_constants.h"
#include "npu/engine/engine.h"
#include "npu/engine/lnpu/config.h"
#include "npu/engine/neuroflix/config.h"
#include "npu/engine/reference/cost.h"
#include "npu/engine/rowpipe/config.h"
#include "npu/engine/taxonn/config.h"
#include "npu/sgd/sgd_cost.h"

namespace backboard::npu {

/// What the engines are configured by; each reads its own part.
struct EngineConfigs {
  lnpu::LnpuConfig lnpu;
  reference::ReferenceConfig reference;
  daa::DaaConfig daa;
  neuroflix::NeuroflixConfig neuroflix;
  taxonn::TaxonnConfig taxonn;
  rowpipe::RowpipeConfig rowpipe;
  EnergyConstants energy;
  AreaConstants area;
  SgdCostConfig sgd;
  uint32_t host_threads = 1;  ///< of the simulator, for tile arithmetic; never changes a result
};

struct EngineRow {
  EngineId id;
  const char* name;  ///< key in YAML
  const char* description;
  const Offer& (*offer)();
  std::unique_ptr<Engine> (*make)(const EngineConfigs& configs);
  /// What it is built of, without the local buffer; null: no estimate of area, and no statistics of it.
  Inventory (*inventory)(const EngineConfigs& configs) = nullptr;
};

std::span<const EngineRow> engine_table();

/// Area of an engine with its local buffer; nothing when the row has no inventory.
std::optional<Area> area_of_engine(const EngineRow& row, const EngineConfigs& configs, uint64_t buffer_bytes);

/// The row of a name or id; null when there is none.
const EngineRow* find_engine(const std::string& name);
const EngineRow* find_engine(EngineId id);

}  // namespace backboard::npu
