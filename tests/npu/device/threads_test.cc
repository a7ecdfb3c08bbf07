// Threads of the host and vector units of the host change no byte and no simulated time, however a tile is cut.
#include <catch2/catch.hpp>

#include "tests/npu/device/command_making.h"
#include "tests/support/simd_targets.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

/// A layer that is worth sharing: 1 to 4 million products, cut along images, rows, output or input channels.
struct Layer {
  const char* why;
  uint32_t n, c, size, k;
  Window window;
};

const Layer kLayers[] = {
    {"images", 6, 12, 10, 24, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}},
    {"rows", 1, 16, 26, 17, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}},
    {"rows of a strided window",
     1,
     5,
     45,
     16,
     {.kh = 7, .kw = 7, .stride_h = 2, .stride_w = 2, .pad_h = 3, .pad_w = 3}},
    {"rows of one tap", 1, 40, 28, 40, {}},
    {"rows of one tap, strided", 1, 70, 30, 72, {.stride_h = 2, .stride_w = 2}},
    {"channels", 1, 130, 5, 70, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}},
    {"more inputs than outputs", 1, 400, 6, 9, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}},
    {"fully connected", 9, 700, 1, 190, {}},
};

uint32_t outputs_of(uint32_t size, uint32_t taps, uint32_t stride, uint32_t pad) {
  return (size + 2 * pad - taps) / stride + 1;
}

/// Runs FF, BP and WG with a fused update, in one buffer that holds most of them; gives memory, time and all state.
std::vector<uint8_t> run(const EngineRow& row, const Layer& layer, uint32_t threads) {
  NpuConfig config = config_of(row, 2 << 20);
  config.host_threads = threads;
  NpuBench bench(config, 4 << 20);
  bench.start();
  const Window& w = layer.window;
  const TensorFormat f = main_format_of(row.offer());
  const uint32_t rows = outputs_of(layer.size, w.kh, w.stride_h, w.pad_h);
  const std::array<uint32_t, 4> weights{layer.k, layer.c, w.kh, w.kw};
  const BenchTensor x = bench.tensor({layer.n, layer.c, layer.size, layer.size}, format(f));
  const BenchTensor dx = bench.tensor(x.shape(), format(f));
  const BenchTensor kernel = bench.tensor(weights, format(f));
  const BenchTensor y = bench.tensor({layer.n, layer.k, rows, rows}, format(f));
  const BenchTensor master = bench.tensor(weights);
  bench.fill(x, noise(x.elements(), 1));
  bench.fill(kernel, noise(kernel.elements(), 2));
  bench.fill(master, noise(master.elements(), 3));
  Command command = command_of(Opcode::kCONV_FF);
  set_window(command, w, false);
  command.tensor0 = x.descriptor_address, command.tensor1 = kernel.descriptor_address;
  command.tensor2 = y.descriptor_address;
  REQUIRE(bench.execute(command) == ErrorCode::kNONE);
  command.opcode = static_cast<uint8_t>(Opcode::kCONV_BP);
  command.tensor0 = y.descriptor_address, command.tensor2 = dx.descriptor_address;
  REQUIRE(bench.execute(command) == ErrorCode::kNONE);
  npu_hyper hyper{};
  hyper.learning_rate = 0.1f, hyper.gradient_scale = 1;
  command.opcode = static_cast<uint8_t>(Opcode::kCONV_WG);
  command.flags = kFlagUPDATE;
  command.tensor0 = x.descriptor_address, command.tensor1 = y.descriptor_address, command.tensor2 = 0;
  command.tensor3 = master.descriptor_address, command.parameters = bench.place(hyper);
  REQUIRE(bench.execute(command) == ErrorCode::kNONE);
  StateArchive archive;
  bench.state(archive);
  return archive.bytes();
}

}  // namespace

TEST_CASE("one, two and three host threads leave the same bytes, counters and time, along every cut of a tile") {
  for (const EngineRow& row : engine_table()) {
    for (const Layer& layer : kLayers) {
      CAPTURE(row.name, layer.why);
      const std::vector<uint8_t> wanted = run(row, layer, 1);
      CHECK((run(row, layer, 2) == wanted));
      CHECK((run(row, layer, 3) == wanted));
    }
  }
}

TEST_CASE("every vector unit of the host leaves the same bytes with one and with two threads") {
  for (const EngineRow& row : engine_table()) {
    for (const Layer& layer : {kLayers[0], kLayers[2], kLayers[4]}) {
      std::vector<uint8_t> wanted;
      for_each_simd_target([&](const char* target) {
        CAPTURE(row.name, layer.why, target);
        const std::vector<uint8_t> one = run(row, layer, 1);
        if (wanted.empty()) wanted = one;
        CHECK((one == wanted));
        CHECK((run(row, layer, 2) == wanted));
      });
    }
  }
}
