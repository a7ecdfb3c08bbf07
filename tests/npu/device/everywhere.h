// Runs a test of a vector command on every engine, in every format and for every tiling.
#pragma once

#include <catch2/catch.hpp>

#include "npu/engine/table.h"
#include "tests/npu/device/command_making.h"

namespace backboard::test {

/// Tile sizes of a vector command: channels, rows, images.
struct Tiles {
  uint16_t k, rows, n;
};
inline const Tiles kTiles[] = {{0, 0, 0}, {1, 2, 1}, {3, 100, 2}};

inline void set_tiles(Command& command, const Tiles& tiles) {
  command.tile_k = tiles.k;
  command.tile_rows = tiles.rows;
  command.tile_n = tiles.n;
}

/// What the device says of itself.
inline bool offers(NpuBench& bench, Opcode opcode) {
  const auto bit = static_cast<unsigned>(opcode);
  const uint32_t half = bench.read(bit < 32 ? npu_regs::Reg::NPU_CAP_OPS_LO : npu_regs::Reg::NPU_CAP_OPS_HI);
  return (half >> bit % 32 & 1) != 0;
}

/// Executes a command that gives `result` its values where the engine offers it; else it must be refused, and the test
/// puts `values` there.
inline void execute_or_fill(NpuBench& bench, const Command& command, const BenchTensor& result,
                            const std::vector<float>& values) {
  if (offers(bench, static_cast<Opcode>(command.opcode))) {
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    return;
  }
  REQUIRE(bench.execute(command) == ErrorCode::kOPCODE);
  bench.restart();
  bench.fill(result, values);
}

/// Calls body(bench, format in, format out, tiles) for every engine, format and tiling.
template <class Body>
void everywhere(Body&& body) {
  for (const EngineRow& row : engine_table()) {
    for (const TensorFormat f : formats_in(row.offer().vector_in)) {
      for (const Tiles& tiles : kTiles) {
        CAPTURE(row.name, name_of(f), tiles.k, tiles.rows, tiles.n);
        NpuBench bench(config_of(row));
        bench.start();
        const TensorFormat out = has_format(row.offer().vector_out, f) ? f : TensorFormat::kFP32;
        TensorOptions options = format(out);
        if (is_coded(out)) options.block_channels = options.block_rows = 1;
        body(bench, format(f), options, tiles);
      }
    }
  }
}

}  // namespace backboard::test
