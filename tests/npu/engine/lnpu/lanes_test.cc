// Counts and times of the lanes against a model that looks at every product and steps every half-cycle.
#include <catch2/catch.hpp>
#include <cmath>

#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/lnpu/cost.h"
#include "npu/engine/lnpu/lanes.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/npu/engine/lnpu/lane_model.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using test::ConvCase;
using test::ModelInput;
using test::ModelWindow;

enum class Phase { kFf, kBp, kWg };
constexpr Phase kPhases[] = {Phase::kFf, Phase::kBp, Phase::kWg};

Facts run(const lnpu::LnpuConfig& config, Phase phase, const ConvCase& c) {
  Facts facts;
  Workspace workspace;
  std::vector<float> acc(std::max({c.x.size(), c.w.size(), c.dy.size()}));
  if (phase == Phase::kFf) lnpu::ff_tile(config, c.tile, c.x_operand(), c.w_operand(), acc.data(), facts, workspace);
  if (phase == Phase::kBp) lnpu::bp_tile(config, c.tile, c.dy_operand(), c.w_operand(), acc.data(), facts, workspace);
  if (phase == Phase::kWg) lnpu::wg_tile(config, c.tile, c.x_operand(), c.dy_operand(), acc.data(), facts, workspace);
  return facts;
}

/// Calls visit(n, k, oh, ow, c, kh, kw, ih, iw) for every product of the convolution.
template <class Visit>
void for_each_product(const ConvTile& t, Visit&& visit) {
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t k = 0; k < t.k; ++k) {
      for (uint32_t oh = 0; oh < t.oh; ++oh) {
        for (uint32_t ow = 0; ow < t.ow; ++ow) {
          for (uint32_t c = 0; c < t.c; ++c) {
            for_each_tap(t, oh, ow, [&](uint32_t kh, uint32_t kw, uint32_t ih, uint32_t iw) {
              visit(n, k, oh, ow, c, kh, kw, ih, iw);
            });
          }
        }
      }
    }
  }
}

std::array<std::array<uint64_t, 3>, 3> pairs_of(Phase phase, const ConvCase& c) {
  std::array<std::array<uint64_t, 3>, 3> pairs{};
  const ConvTile& t = c.tile;
  for_each_product(t, [&](uint32_t n, uint32_t k, uint32_t oh, uint32_t ow, uint32_t ch, uint32_t kh, uint32_t kw,
                          uint32_t ih, uint32_t iw) {
    const uint8_t x = c.x_classes[x_index(t, n, ch, ih, iw)], w = c.w_classes[w_index(t, k, ch, kh, kw)];
    const uint8_t dy = c.dy_classes[y_index(t, n, k, oh, ow)];
    if (phase == Phase::kFf) ++pairs[x][w];
    if (phase == Phase::kBp) ++pairs[dy][w];
    if (phase == Phase::kWg) ++pairs[dy][x];
  });
  return pairs;
}

TEST_CASE("Products by class equal a count of every single product, on every vector unit") {
  uint32_t seed = 1;
  for (const ConvTile& tile : test::shapes()) {
    const ConvCase c = test::make_case(tile, seed++, 0.4, 0.3);
    for (const Phase phase : kPhases) {
      const auto expected = pairs_of(phase, c);
      backboard::test::for_each_simd_target([&](const char* target) {
        const Facts facts = run({}, phase, c);
        INFO(test::describe(tile) << " phase " << static_cast<int>(phase) << " on " << target);
        CHECK(facts.macs_by_class == expected);
        uint64_t all = 0;
        for (const auto& row : facts.macs_by_class) all += row[0] + row[1] + row[2];
        CHECK(facts.macs == all);
        CHECK(facts.macs_skipped == expected[0][0] + expected[0][1] + expected[0][2]);
      });
    }
  }
}

TEST_CASE("Products by class of a gradient are exact where counts just fit in bytes, on every vector unit") {
  // 28 x 9 activations meet 65 errors at a position: 252 in a byte, and 2 x 252 x 65 just below 2^15. One channel more
  // is too many.
  for (const uint32_t outputs : {65u, 66u}) {
    ConvCase c = test::make_case(ConvTile::whole(2, 28, 4, 7, outputs, 3, 3, 1, 1), 1);
    for (const uint8_t kind : {kClassLow, kClassHigh}) {
      std::fill(c.x_classes.begin(), c.x_classes.end(), kind);
      std::fill(c.dy_classes.begin(), c.dy_classes.end(), kind);
      const auto expected = pairs_of(Phase::kWg, c);
      backboard::test::for_each_simd_target([&](const char* target) {
        INFO(outputs << " channels of class " << int{kind} << " on " << target);
        CHECK(run({}, Phase::kWg, c).macs_by_class == expected);
      });
    }
  }
}

TEST_CASE("Products by class of a gradient are the same in tiles of rows as in one, on every vector unit") {
  for (const ConvTile& whole :
       {ConvTile::whole(1, 3, 23, 17, 17, 7, 7, 2, 3), ConvTile::whole(1, 6, 14, 14, 9, 3, 3, 1, 1),
        ConvTile::whole(1, 1, 14, 9, 8, 3, 3, 1, 1), ConvTile::whole(1, 4, 15, 16, 31, 3, 5, 1, 2, 2)}) {
    const ConvCase c = test::make_case(whole, 8);
    const Facts expected = run({}, Phase::kWg, c);
    backboard::test::for_each_simd_target([&](const char* target) {
      Facts sum;
      for (uint32_t row = 0; row < whole.oh; row += 3) {
        ConvCase part = c;
        ConvTile& t = part.tile;
        t.oh0 = row;
        t.oh_rows = std::min(3u, whole.oh - row);
        const RowRange held = input_rows_of(t, t.oh0, t.oh_rows);
        t.ih0 = held.first;
        t.ih_rows = held.rows;
        // Channels keep the distance they have in the whole tensors.
        part.x_classes.erase(part.x_classes.begin(), part.x_classes.begin() + ptrdiff_t{t.ih0} * t.w);
        part.x.erase(part.x.begin(), part.x.begin() + ptrdiff_t{t.ih0} * t.w);
        part.dy_classes.erase(part.dy_classes.begin(), part.dy_classes.begin() + ptrdiff_t{t.oh0} * t.ow);
        part.dy.erase(part.dy.begin(), part.dy.begin() + ptrdiff_t{t.oh0} * t.ow);
        sum.add(run({}, Phase::kWg, part));
      }
      INFO(test::describe(whole) << " on " << target);
      CHECK(sum.macs_by_class == expected.macs_by_class);
      CHECK(sum.macs_skipped == expected.macs_skipped);
    });
  }
}

/// The inputs of every core, built product by product: core -> windows.
class Cores {
 public:
  Cores(const lnpu::LnpuConfig& config, Phase phase, const ConvCase& c) : config_(config) {
    if (phase == Phase::kWg) {
      build_gradient(c);
    } else {
      build_rows(c, phase == Phase::kBp);
    }
  }
  /// Slowest core and what lanes did in all.
  std::pair<uint64_t, uint64_t> step() const {
    uint64_t slowest = 0, busy = 0;
    for (const auto& [core, windows] : cores_) {
      slowest = std::max(slowest, test::step_core(windows, config_));
      for (const ModelWindow& window : windows) {
        for (const auto& [lane, input] : window.inputs)
          busy += test::input_cost(input, config_.skip == lnpu::Skip::kBoth);
      }
    }
    return {slowest, busy};
  }

 private:
  uint32_t window_inputs() const { return config_.ilb_window * config_.lanes; }

  uint32_t strip_of(uint32_t unit, uint32_t units, uint32_t strips) const {
    uint32_t strip = 0;
    while (static_cast<uint64_t>(units) * (strip + 1) / strips <= unit) ++strip;
    return strip;
  }

  void grid(uint32_t groups, uint32_t& columns, uint32_t& strips) const {
    columns = std::min(config_.cores, groups);
    while (config_.cores % columns != 0) --columns;
    strips = config_.cores / columns;
  }

  void build_rows(const ConvCase& c, bool backward) {
    const ConvTile& t = c.tile;
    const uint32_t outputs = backward ? t.c : t.k, width = backward ? t.w : t.ow, height = backward ? t.h : t.oh;
    const uint32_t rows = t.n * height, q_count = backward ? t.k : t.c, group = config_.multipliers_per_lane;
    const uint32_t groups = (outputs + group - 1) / group;
    uint32_t columns, strips;
    grid(groups, columns, strips);
    const bool balanced = config_.ilb_window > 1;
    const uint32_t segments =
        balanced ? (width + window_inputs() - 1) / window_inputs() : (width >= config_.lanes ? config_.lanes : 1);
    const uint32_t together = balanced && segments == 1 ? window_inputs() / width : 1;
    uint32_t widest = 0;
    for (uint32_t s = 0; s < strips; ++s) {
      widest = std::max(widest, static_cast<uint32_t>(uint64_t{rows} * (s + 1) / strips - uint64_t{rows} * s / strips));
    }
    uint32_t chunk = 1;
    while (balanced && 2 * chunk * widest * width <= std::min(window_inputs(), 255u)) chunk *= 2;
    for (uint32_t g = 0; g < groups; ++g) {
      std::map<std::array<uint32_t, 4>, ModelWindow> windows;  // strip, step chunk, row window, segment
      for (uint32_t row = 0; row < rows; ++row) {
        const uint32_t n = row / height, out_row = row % height, strip = strip_of(row, rows, strips);
        const uint32_t first_row = static_cast<uint32_t>(uint64_t{rows} * strip / strips);
        for (uint32_t column = 0; column < width; ++column) {
          uint32_t segment = 0;
          while (uint64_t{width} * (segment + 1) / segments <= column) ++segment;
          const uint32_t lane = segments > 1 ? segment : (row - first_row) % config_.lanes;
          for (uint32_t r = 0; r < q_count * t.kh * t.kw; ++r) {
            const uint32_t q = r / (t.kh * t.kw), kh = r / t.kw % t.kh, kw = r % t.kw;
            ModelInput input;
            if (!find_input(c, backward, n, q, out_row, column, kh, kw, input.input_class)) continue;
            for (uint32_t j = g * group; j < std::min((g + 1) * group, outputs); ++j) {
              input.others.push_back(c.w_classes[backward ? w_index(t, q, j, kh, kw) : w_index(t, j, q, kh, kw)]);
            }
            windows[{strip, r / chunk, (row - first_row) / together, balanced ? segment : 0}].inputs.push_back(
                {lane % config_.lanes, input});
          }
        }
      }
      for (auto& [key, window] : windows) cores_[key[0] * columns + g % columns].push_back(std::move(window));
    }
  }

  static bool find_input(const ConvCase& c, bool backward, uint32_t n, uint32_t q, uint32_t row, uint32_t column,
                         uint32_t kh, uint32_t kw, uint8_t& input_class) {
    const ConvTile& t = c.tile;
    if (!backward) {
      const int64_t ih = int64_t{row} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
      const int64_t iw = int64_t{column} * t.stride_w + int64_t{kw} * t.dilation_w - t.pad_w;
      if (ih < 0 || ih >= t.h || iw < 0 || iw >= t.w) return false;
      input_class = c.x_classes[x_index(t, n, q, static_cast<uint32_t>(ih), static_cast<uint32_t>(iw))];
      return true;
    }
    const int64_t oh = int64_t{row} + t.pad_h - int64_t{kh} * t.dilation_h;
    const int64_t ow = int64_t{column} + t.pad_w - int64_t{kw} * t.dilation_w;
    if (oh < 0 || ow < 0 || oh % t.stride_h != 0 || ow % t.stride_w != 0) return false;
    if (oh / t.stride_h >= t.oh || ow / t.stride_w >= t.ow) return false;
    input_class =
        c.dy_classes[y_index(t, n, q, static_cast<uint32_t>(oh / t.stride_h), static_cast<uint32_t>(ow / t.stride_w))];
    return true;
  }

  void build_gradient(const ConvCase& c) {
    const ConvTile& t = c.tile;
    const uint32_t operands = t.c * t.kh * t.kw, group = config_.multipliers_per_lane;
    const uint32_t groups = (operands + group - 1) / group, rows = t.n * t.oh, width = t.ow;
    uint32_t columns, strips;
    grid(groups, columns, strips);
    const bool balanced = config_.ilb_window > 1;
    const uint32_t segments =
        balanced ? (width + window_inputs() - 1) / window_inputs() : (width >= config_.lanes ? config_.lanes : 1);
    const uint32_t together = balanced && segments == 1 ? window_inputs() / width : 1;
    const bool one = balanced && segments == 1 && rows <= together;
    const uint32_t copies = one ? std::max(1u, window_inputs() / (rows * width)) : 1;
    for (uint32_t g = 0; g < groups; ++g) {
      std::map<std::array<uint32_t, 4>, ModelWindow> windows;  // strip, channel block, row window, segment
      for (uint32_t k = 0; k < t.k; ++k) {
        const uint32_t strip = strip_of(k, t.k, strips);
        const uint32_t first_k = static_cast<uint32_t>(uint64_t{t.k} * strip / strips);
        for (uint32_t row = 0; row < rows; ++row) {
          for (uint32_t column = 0; column < width; ++column) {
            uint32_t segment = 0;
            while (uint64_t{width} * (segment + 1) / segments <= column) ++segment;
            ModelInput input;
            input.input_class = c.dy_classes[y_index(t, row / t.oh, k, row % t.oh, column)];
            for (uint32_t q = g * group; q < std::min((g + 1) * group, operands); ++q) {
              uint8_t other = 0;  // padding is a zero
              find_input(c, false, row / t.oh, q / (t.kh * t.kw), row % t.oh, column, q / t.kw % t.kh, q % t.kw, other);
              input.others.push_back(other);
            }
            const uint32_t lane = segments > 1 ? segment : row % config_.lanes;
            windows[{strip, (k - first_k) / copies, row / together, balanced ? segment : 0}].inputs.push_back(
                {lane, input});
          }
        }
      }
      for (auto& [key, window] : windows) cores_[key[0] * columns + g % columns].push_back(std::move(window));
    }
  }

  lnpu::LnpuConfig config_;
  std::map<uint32_t, std::vector<ModelWindow>> cores_;
};

std::vector<ConvTile> model_shapes() {
  return {ConvTile::whole(3, 1, 9, 6, 9, 3, 3, 1, 1),    ConvTile::whole(2, 1, 5, 64, 3, 3, 3, 1, 1),
          ConvTile::whole(2, 1, 28, 28, 3, 3, 3, 1, 1),  ConvTile::whole(2, 8, 14, 14, 16, 3, 3, 1, 1),
          ConvTile::whole(2, 1, 6, 29, 17, 3, 3, 1, 1),  ConvTile::whole(2, 1, 7, 40, 4, 3, 3, 1, 0),
          ConvTile::whole(2, 16, 7, 7, 32, 3, 3, 1, 1),  ConvTile::whole(1, 5, 13, 9, 33, 3, 3, 2, 1),
          ConvTile::whole(1, 3, 23, 17, 17, 7, 7, 2, 3), ConvTile::whole(1, 3, 12, 130, 9, 3, 3, 1, 1),
          ConvTile::whole(1, 9, 8, 8, 48, 1, 1, 2, 0),   ConvTile::whole(1, 4, 15, 16, 31, 3, 5, 1, 2, 2),
          ConvTile::fully_connected(16, 64, 10),         ConvTile::fully_connected(1, 100, 40),
          ConvTile::fully_connected(70, 13, 29),         ConvTile::whole(3, 2, 5, 5, 7, 5, 5, 1, 0),
          ConvTile::fully_connected(40, 70, 10),         ConvTile::fully_connected(127, 66, 10),
          ConvTile::fully_connected(140, 20, 9),         ConvTile::fully_connected(64, 24, 64),
          ConvTile::fully_connected(64, 64, 30),         ConvTile::fully_connected(32, 40, 10),
          ConvTile::fully_connected(5, 9, 33),           ConvTile::fully_connected(1, 64, 10),
          ConvTile::fully_connected(30, 17, 16),         ConvTile::fully_connected(63, 64, 10),
          ConvTile::fully_connected(20, 33, 12),         ConvTile::fully_connected(9, 50, 20)};
}

void check_model(const lnpu::LnpuConfig& config) {
  uint32_t seed = 50;
  int cases = 0;
  for (const ConvTile& tile : model_shapes()) {
    for (const double zeros : {0.0, 0.5, 0.9}) {
      const ConvCase c = test::make_case(tile, seed++, zeros, 0.2);
      for (const Phase phase : kPhases) {
        const auto [slowest, busy] = Cores(config, phase, c).step();
        const Facts facts = run(config, phase, c);
        INFO(test::describe(tile) << " phase " << static_cast<int>(phase) << " zeros " << zeros);
        CHECK(facts.busy_half_cycles == busy);
        CHECK(std::abs(static_cast<double>(facts.slowest_half_cycles) - static_cast<double>(slowest)) <=
              0.02 * static_cast<double>(slowest));
        ++cases;
      }
    }
  }
  CHECK(cases >= 30);
}

TEST_CASE("Lane times with the balancer agree with a model stepped by half-cycles") {
  check_model({});
}

TEST_CASE("Lane times without the balancer agree with a model stepped by half-cycles") {
  lnpu::LnpuConfig config;
  config.ilb_window = 1;
  check_model(config);
}

TEST_CASE("Lane times that skip zeros of both operands agree with a model stepped by half-cycles") {
  lnpu::LnpuConfig config;
  config.skip = lnpu::Skip::kBoth;
  config.ilb_window = 16;
  config.multipliers_per_lane = 4;
  config.cores = 12;
  check_model(config);
}

TEST_CASE("Lane times of groups of eight that skip zeros of both operands agree with a model stepped by half-cycles") {
  lnpu::LnpuConfig config;
  config.skip = lnpu::Skip::kBoth;
  check_model(config);
}

TEST_CASE("Lane times with windows of several words agree with a model stepped by half-cycles") {
  lnpu::LnpuConfig config;
  config.ilb_window = 33;
  config.multipliers_per_lane = 16;
  check_model(config);
}

TEST_CASE("Lane times are equal on every vector unit") {
  lnpu::LnpuConfig off, wide, both;
  off.ilb_window = 1;
  wide.ilb_window = 40;
  both.skip = lnpu::Skip::kBoth;
  for (const ConvTile& tile : model_shapes()) {
    const ConvCase c = test::make_case(tile, 3);
    for (const Phase phase : kPhases) {
      for (const lnpu::LnpuConfig& config : {lnpu::LnpuConfig{}, off, wide, both}) {
        const Facts first = run(config, phase, c);
        backboard::test::for_each_simd_target([&](const char* target) {
          INFO(test::describe(tile) << " window " << config.ilb_window << " on " << target);
          CHECK(run(config, phase, c) == first);
        });
      }
    }
  }
}

TEST_CASE("Facts of a slice of an FC layer are those of its elements laid side by side, on every vector unit") {
  const ConvCase whole = test::make_case(ConvTile::fully_connected(20, 64, 40), 4);
  // Rows that are as long as a vector, shorter, and longer than half of one.
  for (const auto& [n, c, k] : {std::array{9u, 24u, 10u}, std::array{16u, 64u, 3u}, std::array{20u, 33u, 40u}}) {
    ConvCase slice = whole;
    slice.tile.n = n;
    slice.tile.c = c;
    slice.tile.k = k;
    ConvCase dense = test::make_case(ConvTile::fully_connected(n, c, k), 5);
    const auto copy = [](const std::vector<uint8_t>& from, size_t pitch, uint32_t rows, uint32_t columns,
                         std::vector<uint8_t>& to) {
      for (uint32_t i = 0; i < rows; ++i)
        std::copy_n(from.begin() + ptrdiff_t(i * pitch), columns, to.begin() + i * columns);
    };
    copy(whole.x_classes, 64, n, c, dense.x_classes);
    copy(whole.dy_classes, 40, n, k, dense.dy_classes);
    copy(whole.w_classes, 64, k, c, dense.w_classes);
    for (const Phase phase : kPhases) {
      const Facts expected = run({}, phase, dense);
      CHECK(expected.macs_by_class == pairs_of(phase, dense));
      backboard::test::for_each_simd_target([&](const char* target) {
        INFO(n << " " << c << " " << k << " phase " << static_cast<int>(phase) << " on " << target);
        CHECK(run({}, phase, slice) == expected);
      });
    }
  }
}

TEST_CASE("A dense FP16 tile that fills all lanes runs at one product a multiplier and cycle") {
  // 16 cores x 6 lanes x 8 multipliers: 128 outputs fill the cores, 60 positions a window of 6 lanes x 10.
  ConvCase c = test::make_case(ConvTile::whole(1, 32, 6, 10, 128, 1, 1, 1, 0), 1);
  std::fill(c.x_classes.begin(), c.x_classes.end(), uint8_t{kClassHigh});
  const Facts facts = run({}, Phase::kFf, c);
  CHECK(facts.slowest_half_cycles == 2 * facts.macs / 768);
  CHECK(facts.busy_half_cycles == facts.slowest_half_cycles * 16 * 6);
  const Price price = lnpu::price(facts, {}, {});
  CHECK(price.cycles.multipliers == facts.macs / 768 + 8);
  CHECK(price.energy.idle_pj == 0);
}

TEST_CASE("The dense baseline issues every product at the FP16 rate, whatever the operands' classes") {
  ConvCase c = test::make_case(ConvTile::whole(1, 5, 6, 10, 12, 3, 3, 1, 1), 1);
  lnpu::LnpuConfig dense;
  dense.skip = lnpu::Skip::kNone;
  for (const Phase phase : kPhases) {
    const Facts sparse = run({}, phase, c);
    const Facts facts = run(dense, phase, c);
    CHECK(facts.macs == sparse.macs);
    CHECK(facts.macs_skipped == 0);
    CHECK(sparse.macs_skipped > 0);
    CHECK(facts.macs_by_class[kClassHigh][kClassHigh] == facts.macs);
    const Price price = lnpu::price(facts, dense, {});
    CHECK(price.cycles.multipliers == (facts.macs + 767) / 768 + 8);
    CHECK(price.energy.multiply_high_pj == Approx(static_cast<double>(facts.macs) * 1.5));
    CHECK(price.energy.multiply_low_pj == 0.0);
    CHECK(price.energy.idle_pj == 0.0);
  }
}

TEST_CASE("FP8 products cost a quarter of FP16 products") {
  ConvCase c = test::make_case(ConvTile::fully_connected(4, 16, 8), 1);
  lnpu::LnpuConfig config;
  config.accumulator = Accumulator::kFp16;
  double energy[2];
  for (const uint8_t element_class : {kClassLow, kClassHigh}) {
    std::fill(c.x_classes.begin(), c.x_classes.end(), element_class);
    std::fill(c.w_classes.begin(), c.w_classes.end(), element_class);
    const Price price = lnpu::price(run(config, Phase::kFf, c), config, {});
    energy[element_class - 1] =
        price.energy.multiply_low_pj + price.energy.multiply_high_pj + price.energy.accumulate_pj;
  }
  // 4 * 16 * 8 products of 1.1 + 0.4 pJ
  CHECK(energy[1] == Approx(4 * 16 * 8 * 1.5));
  CHECK(energy[0] == Approx(energy[1] / 4));
}

}  // namespace
}  // namespace backboard::npu
