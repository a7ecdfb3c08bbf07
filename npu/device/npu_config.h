// Configuration of the NPU: what the board's YAML says under `npu`.
#pragma once

#include <cstdint>
#include <string>

#include "npu/dma/dma_config.h"
#include "npu/engine/table.h"
#include "platform/config/fields.h"

namespace backboard::npu {

struct NpuConfig {
  std::string engine = "lnpu";  ///< row of the engine table
  uint64_t clock_hz = 200'000'000;
  uint64_t buffer_bytes = 372 * kKiB;  ///< local buffer
  DmaConfig dma;
  EngineConfigs engines;
  uint64_t power_bin_ps = 100'000'000;
  uint32_t host_threads = 1;  ///< of the simulator; never changes a result

  template <class V>
  void fields(V& v) {
    std::vector<std::string> names;
    for (const EngineRow& row : engine_table()) names.push_back(row.name);
    v("engine", engine, OneOf{names}, "Engine: a row of the engine table");
    v("clock", clock_hz, Hertz{1'000'000, 2'000'000'000}, "Clock of the NPU");
    v("buffer", buffer_bytes, Bytes{16 * kKiB, 64 * kMiB}, "Local buffer for tiles");
    v("dma", dma, "Bus master");
    v("lnpu", engines.lnpu, "Engine lnpu");
    v("reference", engines.reference, "Engine reference");
    v("daa", engines.daa, "Engine daa");
    v("neuroflix", engines.neuroflix, "Engine neuroflix");
    v("taxonn", engines.taxonn, "Engine taxonn");
    v("rowpipe", engines.rowpipe, "Engine rowpipe");
    v("sgd", engines.sgd, "SGD unit of all engines: time and energy of updates");
    v("energy", engines.energy, "Energy constants of all engines");
    v("area", engines.area, "Constants of area and leakage of all engines");
    v("power_bin", power_bin_ps, Picoseconds{1'000, 1'000'000'000'000},
      "First width of the bins of power.csv; doubled when a run has more than 4096");
    v("host_threads", host_threads, Range{1, 64},
      "Threads of the simulator for tile arithmetic; results do not change");
  }
};

}  // namespace backboard::npu
