// rowpipe's cycles against units that are stepped cycle by cycle, and what they cost.
#include <algorithm>
#include <catch2/catch.hpp>
#include <utility>
#include <vector>

#include "npu/engine/rowpipe/compute_tile.h"
#include "npu/engine/rowpipe/cost.h"
#include "tests/npu/engine/conv_cases.h"

namespace backboard::npu {
namespace {

using rowpipe::RowpipeConfig;

/// A step of the pipeline in cycles: banks hand out words in the order in which the array's folds ask, a queue of a few
/// words before it; the array takes a fold's terms one a cycle; when a fold ends, its sums line up before the FP16
/// units.
struct Pipeline {
  struct Fold {
    uint64_t steps = 0, outputs = 0;
    std::vector<uint64_t> words;  ///< by bank
  };
  std::vector<Fold> folds;
  uint64_t float_units = 1;
  uint32_t startup = 0;

  uint64_t run() const {
    uint64_t cycle = 0, array_free = startup, waiting = 0, last = 0;
    size_t at = 0;
    uint64_t left = folds.empty() ? 0 : folds[0].steps;
    std::vector<uint64_t> bank_left = folds.empty() ? std::vector<uint64_t>() : folds[0].words;
    for (; at < folds.size() || waiting > 0; ++cycle) {
      if (waiting > 0) {
        waiting -= std::min(waiting, float_units);
        last = cycle + 1;
      }
      if (at == folds.size() || cycle < array_free) continue;
      for (uint64_t& words : bank_left) words -= words > 0;
      if (left > 0) --left;
      const bool fed = std::all_of(bank_left.begin(), bank_left.end(), [](uint64_t words) { return words == 0; });
      if (left > 0 || !fed) continue;
      waiting += folds[at].outputs;
      last = cycle + 1;
      if (++at == folds.size()) continue;
      left = folds[at].steps;
      bank_left = folds[at].words;
    }
    return last;
  }
};

/// The folds of a convolution's tile: of each output row, rectangles of positions x channels, each of which asks for
/// its share of the words of the rows of x.
std::vector<Pipeline::Fold> folds_of(const RowpipeConfig& config, const ConvTile& t) {
  std::vector<Pipeline::Fold> folds;
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t oh = 0; oh < t.oh; ++oh) {
      for (uint32_t k = 0; k < t.k; k += config.fixed_columns) {
        for (uint32_t ow = 0; ow < t.ow; ow += config.fixed_rows) {
          Pipeline::Fold fold;
          fold.words.resize(config.banks);
          for (uint32_t kh = 0; kh < t.kh; ++kh) {
            const int64_t ih = int64_t{oh} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
            if (ih < 0 || ih >= t.h) continue;
            fold.steps += uint64_t{t.c} * t.kw;
            const uint64_t row_words = (t.w * config.activation_bits + config.word_bits - 1) / config.word_bits;
            const uint64_t parts = (t.ow + config.fixed_rows - 1) / config.fixed_rows, part = ow / config.fixed_rows;
            const uint64_t words = (part + 1) * row_words / parts - part * row_words / parts;
            fold.words[static_cast<size_t>(ih) % config.banks] += t.c * words;
          }
          fold.outputs = uint64_t{std::min(config.fixed_rows, t.ow - ow)} * std::min(config.fixed_columns, t.k - k);
          folds.push_back(fold);
        }
      }
    }
  }
  return folds;
}

TEST_CASE("Cycles are within 2 % of stepped units, whichever of array, FP16 units and banks holds the others up") {
  uint32_t cases = 0;
  uint32_t by_array = 0, by_float = 0, by_banks = 0;
  for (const ConvTile& tile :
       {ConvTile::whole(1, 1, 28, 28, 8, 3, 3, 1, 1), ConvTile::whole(3, 8, 14, 14, 16, 3, 3, 1, 1),
        ConvTile::whole(2, 16, 7, 7, 32, 3, 3, 1, 1), ConvTile::whole(1, 5, 13, 9, 33, 3, 3, 2, 1),
        ConvTile::whole(2, 3, 32, 32, 17, 7, 7, 2, 3), ConvTile::whole(1, 40, 16, 16, 9, 3, 3, 1, 2),
        ConvTile::whole(2, 33, 14, 15, 65, 1, 1, 1, 0), ConvTile::whole(1, 16, 56, 56, 64, 1, 1, 1, 0)}) {
    for (const uint32_t float_units : {1u, 16u, 64u}) {
      for (const auto& [banks, word_bits] : {std::pair(1u, 16u), {3u, 16u}, {16u, 64u}}) {
        RowpipeConfig config;
        config.float_units = float_units;
        config.banks = banks;
        config.word_bits = word_bits;
        Facts facts;
        rowpipe::count_tile(config, Pass::ff, tile, facts);
        const CyclesByUnit cycles = rowpipe::price(facts, config, {}).cycles;
        Pipeline pipeline{folds_of(config, tile), float_units, config.startup_cycles};
        const uint64_t stepped = pipeline.run();
        INFO(test::describe(tile) << " float units " << float_units << " banks " << banks);
        CHECK(static_cast<double>(cycles.step()) == Approx(static_cast<double>(stepped)).epsilon(0.02));
        by_array += cycles.step() == cycles.multipliers;
        by_float += cycles.step() == cycles.elementwise;
        by_banks += cycles.step() == cycles.banks;
        ++cases;
      }
    }
  }
  CHECK(cases == 72);
  CHECK(by_array >= 10);
  CHECK(by_float >= 10);
  CHECK(by_banks >= 10);
}

TEST_CASE("Energy goes by codes, dequantisations and FP16 products, and by what stands idle") {
  // Four rows of 16 positions, 32 channels: four folds of 8 x 3 x 3 steps, those of the first and last row of 8 x 2
  // x 3.
  const ConvTile tile = ConvTile::whole(1, 8, 4, 16, 32, 3, 3, 1, 1);
  RowpipeConfig config;
  Facts facts;
  rowpipe::count_tile(config, Pass::ff, tile, facts);
  facts.quantised = 512;
  const uint64_t macs = 32ull * 8 * (3 * 4 - 2) * (3 * 16 - 2);  // taps inside
  CHECK(facts.macs == macs);
  CHECK(facts.macs_by_class[kClassLow][kClassLow] == macs);
  CHECK(facts.folds[0] == 4);
  CHECK(facts.fold_steps[0] == 2 * 72 + 2 * 48);
  CHECK(facts.dequantised == 2048);
  CHECK(facts.bank_cycles == 4 * 8);  // a row of a channel is a word of 16 codes; each in a bank of its own
  const EnergyConstants energy;
  Price price = rowpipe::price(facts, config, energy);
  CHECK(price.cycles.multipliers == 240 + 8 + 8);  // 512 sums of the last fold on 64 units, start-up
  CHECK(price.cycles.elementwise == 32 + 48 + 8);  // 2048 sums on 64 units behind the first fold
  CHECK(price.energy.multiply_low_pj == Approx(static_cast<double>(macs) * 0.2 * 16 / 64));
  CHECK(price.energy.multiply_high_pj == 0.0);
  CHECK(price.energy.accumulate_pj == Approx(static_cast<double>(macs) * 0.1));
  CHECK(price.energy.control_pj == Approx(2048 * 1.1 + 512 * 0.4));
  CHECK(price.energy.idle_pj ==
        Approx(0.05 * ((512 * 256 - static_cast<double>(macs)) * (0.05 + 0.1) + (64 * 256 - 2048) * (1.1 + 0.9))));
  // The error goes back on the FP16 units alone.
  Facts back;
  rowpipe::count_tile(config, Pass::bp, tile, back);
  price = rowpipe::price(back, config, energy);
  CHECK(back.macs_by_class[kClassHigh][kClassLow] == macs);
  CHECK(price.cycles.multipliers == 0);
  CHECK(price.cycles.elementwise == macs / 64 + 8);
  CHECK(price.energy.multiply_high_pj == Approx(static_cast<double>(macs) * 1.1));
  CHECK(price.energy.accumulate_pj == Approx(static_cast<double>(macs) * 0.9));
  // So does an FC layer.
  Facts fc;
  rowpipe::count_tile(config, Pass::ff, ConvTile::fully_connected(16, 64, 10), fc);
  CHECK(fc.macs_by_class[kClassHigh][kClassHigh] == 10240);
  CHECK(fc.dequantised == 0);
}

}  // namespace
}  // namespace backboard::npu
