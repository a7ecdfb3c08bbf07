// The time of a group against a pipeline of rows that is stepped cycle by cycle.
#include <algorithm>
#include <array>
#include <catch2/catch.hpp>
#include <vector>

#include "tests/npu/device/command_making.h"

using namespace backboard;
using namespace backboard::npu;
using namespace backboard::test;

namespace {

/// A convolution with ReLU, or a maximum pooling, in numbers.
struct ModelStage {
  bool convolution;
  uint32_t kernel, stride, pad;
  uint32_t c, h, w;     ///< input
  uint32_t k, oh, ow;   ///< output
  uint32_t first_bank;  ///< of row 0 of the input
  uint32_t rows_held;

  uint64_t words(const rowpipe::RowpipeConfig& config) const {
    const uint32_t bits = convolution ? config.activation_bits : 16;
    return uint64_t{c} * ((w * bits + config.word_bits - 1) / config.word_bits);
  }
  uint32_t first_row(uint32_t row) const { return row * stride < pad ? 0 : row * stride - pad; }
  uint32_t end_row(uint32_t row) const { return std::min(h, row * stride + kernel - pad); }
};

/// What happens in one beat: folds of the array, each with the sums that it leaves; operations of the FP16 units that
/// wait for no fold; words by bank.
struct Beat {
  struct Fold {
    uint64_t steps, outputs;
  };
  std::vector<Fold> folds;
  uint64_t early = 0;
  std::array<uint64_t, kMaxBanks> words{};

  /// Cycle by cycle: the array takes a term of a fold, the FP16 units take what waits, each bank gives or takes a word.
  uint64_t step(const rowpipe::RowpipeConfig& config) const {
    uint64_t cycle = config.startup_cycles, waiting = early, left = folds.empty() ? 0 : folds[0].steps;
    std::array<uint64_t, kMaxBanks> bank = words;
    size_t fold = 0;
    const auto busy = [&] {
      return waiting > 0 || fold < folds.size() || *std::max_element(bank.begin(), bank.end()) > 0;
    };
    for (; busy(); ++cycle) {
      waiting -= std::min<uint64_t>(waiting, config.float_units);
      for (uint64_t& words_left : bank) words_left -= words_left > 0;
      if (fold == folds.size() || --left > 0) continue;
      waiting += folds[fold].outputs * 2;  // to FP16, then ReLU
      if (++fold < folds.size()) left = folds[fold].steps;
    }
    return cycle;
  }
};

void add_row(const rowpipe::RowpipeConfig& config, const ModelStage& stage, uint32_t row, Beat& beat) {
  const uint32_t from = stage.first_row(row), to = stage.end_row(row);
  const uint32_t folds_k = (stage.k + config.fixed_columns - 1) / config.fixed_columns;
  for (uint32_t r = from; r < to; ++r) {
    beat.words[(stage.first_bank + r) % config.banks] += stage.words(config) * (stage.convolution ? folds_k : 1);
  }
  if (!stage.convolution) {
    beat.early += uint64_t{stage.k} * stage.ow * stage.kernel * stage.kernel;
    return;
  }
  for (uint32_t k = 0; k < stage.k; k += config.fixed_columns) {
    for (uint32_t ow = 0; ow < stage.ow; ow += config.fixed_rows) {
      beat.folds.push_back(
          {uint64_t{stage.c} * (to - from) * stage.kernel,
           uint64_t{std::min(config.fixed_columns, stage.k - k)} * std::min(config.fixed_rows, stage.ow - ow)});
    }
  }
}

/// Cycles of an image: every stage makes a row when its rows were there at the beginning of the beat and there is room
/// behind it.
uint64_t step_image(const rowpipe::RowpipeConfig& config, const std::vector<ModelStage>& stages) {
  std::vector<uint32_t> made(stages.size(), 0), there(stages.size(), 0);
  uint64_t cycles = 0;
  const auto room = [&](size_t i) {
    if (made[i] == stages[i].oh) return true;
    return there[i] + 1 - std::min(there[i], stages[i].first_row(made[i])) <= stages[i].rows_held;
  };
  while (made.back() < stages.back().oh) {
    Beat beat;
    const std::vector<uint32_t> before = there;
    for (size_t i = stages.size(); i-- > 0;) {
      if (made[i] == stages[i].oh || before[i] < stages[i].end_row(made[i])) continue;
      if (i + 1 < stages.size() && !room(i + 1)) continue;
      add_row(config, stages[i], made[i]++, beat);
      if (i + 1 == stages.size()) continue;
      const ModelStage& next = stages[i + 1];
      beat.words[(next.first_bank + there[i + 1]++) % config.banks] += next.words(config);
    }
    if (there[0] < stages[0].h && made[0] < stages[0].oh && room(0)) {
      beat.words[(stages[0].first_bank + there[0]++) % config.banks] += stages[0].words(config);
    }
    cycles += beat.step(config);
  }
  return cycles;
}

struct Layer {
  bool convolution;
  uint32_t k, kernel, stride, pad;
};

uint64_t run_on_device(const NpuConfig& config, std::array<uint32_t, 4> shape, const std::vector<Layer>& layers,
                       std::vector<ModelStage>& stages) {
  NpuBench bench(config);
  bench.start();
  const TensorOptions f = format(TensorFormat::kFP16);
  BenchTensor x = bench.tensor(shape, f);
  bench.submit(command_of(Opcode::kGROUP_BEGIN));
  uint32_t bank = 0;
  for (const Layer& layer : layers) {
    const Window window{.kh = layer.kernel,
                        .kw = layer.kernel,
                        .stride_h = layer.stride,
                        .stride_w = layer.stride,
                        .pad_h = layer.pad,
                        .pad_w = layer.pad};
    const uint32_t k = layer.convolution ? layer.k : shape[1];
    const std::array<uint32_t, 4> out{shape[0], k, window.out_h(shape[2]), window.out_w(shape[3])};
    const uint32_t held = std::min(layer.kernel + layer.stride, shape[2]);
    stages.push_back({layer.convolution, layer.kernel, layer.stride, layer.pad, shape[1], shape[2], shape[3], k, out[2],
                      out[3], bank, held});
    bank += held;
    Command command = layer.convolution ? command_of(Opcode::kCONV_FF, kFlagRELU | kFlagLOCAL)
                                        : command_of(Opcode::kMAXPOOL_FF, kFlagLOCAL);
    set_window(command, window, !layer.convolution);
    if (layer.convolution) {
      command.tensor1 = bench.tensor({k, shape[1], layer.kernel, layer.kernel}, f).descriptor_address;
    }
    const BenchTensor y = bench.tensor(out, f);
    command.tensor0 = x.descriptor_address, command.tensor2 = y.descriptor_address;
    bench.submit(command);
    x = y, shape = out;
  }
  bench.submit(command_of(Opcode::kGROUP_END));
  REQUIRE(bench.run());
  REQUIRE(bench.read(npu_regs::Reg::NPU_ERROR_CODE) == 0);
  return bench.device.totals().compute_cycles;
}

}  // namespace

TEST_CASE("A group takes within 2 % of the cycles of a pipeline of rows that is stepped, whatever holds it up") {
  const std::vector<std::vector<Layer>> networks = {
      {{true, 8, 3, 1, 1}, {false, 0, 2, 2, 0}, {true, 16, 3, 1, 1}, {false, 0, 2, 2, 0}, {true, 32, 3, 1, 1}},
      {{true, 40, 3, 1, 1}, {true, 40, 3, 1, 1}, {true, 33, 1, 1, 0}},
      {{true, 16, 5, 2, 2}, {false, 0, 3, 2, 1}, {true, 64, 3, 2, 1}},
      {{true, 24, 3, 1, 0}, {false, 0, 2, 1, 0}},
  };
  uint32_t cases = 0;
  for (const std::vector<Layer>& layers : networks) {
    for (const uint32_t float_units : {2u, 16u, 64u}) {
      for (const uint32_t banks : {1u, 5u, 16u}) {
        NpuConfig config = config_of(*find_engine("rowpipe"), 512 * 1024);
        config.engines.rowpipe.float_units = float_units;
        config.engines.rowpipe.banks = banks;
        std::vector<ModelStage> stages;
        const uint64_t cycles = run_on_device(config, {1, 8, 30, 30}, layers, stages);
        const uint64_t stepped = step_image(config.engines.rowpipe, stages);
        CAPTURE(layers.size(), float_units, banks, stages[0].k);
        CHECK(static_cast<double>(cycles) == Approx(static_cast<double>(stepped)).epsilon(0.02));
        ++cases;
      }
    }
  }
  CHECK(cases == 36);
}
