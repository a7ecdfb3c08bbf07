// The toy engine behind the same device, ring, sequencer and schedule as the real ones.
#include <catch2/catch.hpp>

#include "tests/npu/device/command_making.h"
#include "tests/npu/engine/toy/toy_engine.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

struct ToyBench {
  NpuBench bench{toy::make_engine({}), small()};
  BenchTensor x = bench.tensor({2, 5, 9, 8}), w = bench.tensor({6, 5, 3, 3}), y = bench.tensor({2, 6, 9, 8});
  Command command = command_of(Opcode::kCONV_FF);
  Window window{.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1};

  static NpuConfig small() {
    NpuConfig config;
    config.buffer_bytes = 16 * 1024;
    return config;
  }
  ToyBench() {
    bench.start();
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    set_window(command, window, false);
    command.tensor0 = x.descriptor_address;
    command.tensor1 = w.descriptor_address;
    command.tensor2 = y.descriptor_address;
  }
};

}  // namespace

TEST_CASE("A toy engine needs a folder and a row: its numbers come out of the ring, for every tile size") {
  std::vector<uint8_t> first;
  for (const uint16_t tile : {0, 1, 2, 5}) {
    ToyBench toy;
    toy.command.tile_k = toy.command.tile_c = tile;
    toy.command.tile_rows = tile;
    REQUIRE(toy.bench.execute(toy.command) == ErrorCode::kNONE);
    const std::vector<float> y = toy.bench.values(toy.y);
    // Sums of whole sixteenths are exact in binary32, so any order gives the same.
    const Values xv({2, 5, 9, 8}, toy.bench.values(toy.x)), wv({6, 5, 3, 3}, toy.bench.values(toy.w));
    float corner = 0;
    for (uint32_t c = 0; c < 5; ++c) {
      for (uint32_t i = 1; i < 3; ++i) {
        for (uint32_t j = 1; j < 3; ++j) corner += toy::product(xv.at(0, c, i - 1, j - 1), wv.at(4, c, i, j));
      }
    }
    CHECK(y[4 * 72] == corner);
    if (first.empty()) first = toy.bench.image(toy.y);
    CHECK((toy.bench.image(toy.y) == first));
  }
}

TEST_CASE("What the toy does not offer is refused, and the registers say so") {
  ToyBench toy;
  using npu_regs::Reg;
  CHECK(toy.bench.read(Reg::NPU_ENGINE) == 0x746f79);
  CHECK(toy.bench.read(Reg::NPU_CAP_OPS_LO) == static_cast<uint32_t>(toy::offer().opcodes));
  CHECK((toy.bench.read(Reg::NPU_CAP_LIMITS) >> 24) == 0);
  Command pool = command_of(Opcode::kMAXPOOL_FF);
  CHECK(toy.bench.execute(pool) == ErrorCode::kOPCODE);
  toy.bench.restart();
  Command update = command_of(Opcode::kCONV_WG, kFlagUPDATE);
  CHECK(toy.bench.execute(update) == ErrorCode::kRESERVED);
  toy.bench.restart();
  // Groups of the toy hold two commands.
  REQUIRE(toy.bench.execute(command_of(Opcode::kGROUP_BEGIN)) == ErrorCode::kNONE);
  REQUIRE(toy.bench.execute(toy.command) == ErrorCode::kNONE);
  REQUIRE(toy.bench.execute(toy.command) == ErrorCode::kNONE);
  CHECK(toy.bench.execute(toy.command) == ErrorCode::kGROUP);
}
