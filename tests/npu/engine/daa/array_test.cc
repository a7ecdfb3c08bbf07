// daa's counts and cycles against an array that is stepped cycle by cycle, and what they cost.
#include <catch2/catch.hpp>
#include <random>

#include "npu/engine/conv_loops.h"
#include "npu/engine/daa/compute_tile.h"
#include "npu/engine/daa/cost.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/npu/engine/daa/array_model.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using daa::DaaConfig;
using daa::Mode;
using test::ModelCounts;
using test::ModelGemm;

/// FF of a convolution as one GEMM: positions x channels.
ModelGemm forward(const test::ConvCase& c) {
  const ConvTile& t = c.tile;
  ModelGemm g{t.n * t.oh * t.ow, t.k, t.c * t.kh * t.kw, {}, {}};
  g.a.resize(size_t{g.rows} * g.steps);
  g.b.resize(size_t{g.steps} * g.columns);
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t oh = 0; oh < t.oh; ++oh) {
      for (uint32_t ow = 0; ow < t.ow; ++ow) {
        float* row = &g.a[size_t{(n * t.oh + oh) * t.ow + ow} * g.steps];
        for (uint32_t ch = 0; ch < t.c; ++ch) {
          for_each_tap(t, oh, ow, [&](uint32_t kh, uint32_t kw, uint32_t ih, uint32_t iw) {
            row[(ch * t.kh + kh) * t.kw + kw] = c.x[x_index(t, n, ch, ih, iw)];
          });
        }
      }
    }
  }
  for (uint32_t r = 0; r < g.steps; ++r) {
    for (uint32_t k = 0; k < t.k; ++k) g.b[size_t{r} * g.columns + k] = c.w[size_t{k} * g.steps + r];
  }
  return g;
}

/// WG: taps x output channels over positions (or channels x channels for an FC layer).
ModelGemm gradient(const test::ConvCase& c) {
  const ConvTile& t = c.tile;
  const ModelGemm f = forward(c);
  const bool fc = t.kh * t.kw * t.oh * t.ow == 1;
  ModelGemm g{fc ? t.k : f.steps, fc ? f.steps : t.k, f.rows, {}, {}};
  g.a.resize(size_t{g.rows} * g.steps);
  g.b.resize(size_t{g.steps} * g.columns);
  const uint32_t plane = t.oh * t.ow;
  for (uint32_t r = 0; r < g.steps; ++r) {
    for (uint32_t tap = 0; tap < f.steps; ++tap) {
      const float x = f.a[size_t{r} * f.steps + tap];
      (fc ? g.b[size_t{r} * g.columns + tap] : g.a[size_t{tap} * g.steps + r]) = x;
    }
    for (uint32_t k = 0; k < t.k; ++k) {
      const float dy = c.dy[size_t{r / plane * t.k + k} * plane + r % plane];
      (fc ? g.a[size_t{k} * g.steps + r] : g.b[size_t{r} * g.columns + k]) = dy;
    }
  }
  return g;
}

/// BP without strides: positions of the input x input channels over (k, kh, kw).
ModelGemm error(const test::ConvCase& c) {
  const ConvTile& t = c.tile;
  ModelGemm g{t.n * t.h * t.w, t.c, t.k * t.kh * t.kw, {}, {}};
  g.a.resize(size_t{g.rows} * g.steps);
  g.b.resize(size_t{g.steps} * g.columns);
  for (uint32_t n = 0; n < t.n; ++n) {
    for (uint32_t k = 0; k < t.k; ++k) {
      for (uint32_t oh = 0; oh < t.oh; ++oh) {
        for (uint32_t ow = 0; ow < t.ow; ++ow) {
          for_each_tap(t, oh, ow, [&](uint32_t kh, uint32_t kw, uint32_t ih, uint32_t iw) {
            g.a[size_t{(n * t.h + ih) * t.w + iw} * g.steps + (k * t.kh + kh) * t.kw + kw] =
                c.dy[y_index(t, n, k, oh, ow)];
          });
        }
      }
      for (uint32_t tap = 0; tap < t.kh * t.kw; ++tap) {
        for (uint32_t ch = 0; ch < t.c; ++ch) {
          g.b[size_t{k * t.kh * t.kw + tap} * g.columns + ch] = c.w[(size_t{k} * t.c + ch) * t.kh * t.kw + tap];
        }
      }
    }
  }
  return g;
}

void check_case(const DaaConfig& config, Pass pass, const test::ConvCase& c, uint32_t& cases) {
  const ModelGemm gemm = pass == Pass::ff ? forward(c) : pass == Pass::bp ? error(c) : gradient(c);
  const uint32_t streams = config.mode_of(pass, 0) == Mode::kDense ? 1 : 2;
  ModelCounts model;
  test::run_array(gemm, config.rows, config.columns, streams, model);
  const Operand first = pass == Pass::bp ? c.dy_operand() : c.x_operand();
  const Operand second = pass == Pass::wg ? c.dy_operand() : c.w_operand();
  backboard::test::for_each_simd_target([&](const char* target) {
    Facts facts;
    Workspace workspace;
    daa::count_tile(config, pass, c.tile, first, second, facts, workspace);
    const Price price = daa::price(facts, config, {});
    INFO(test::describe(c.tile) << " pass " << static_cast<int>(pass) << " array " << config.rows << "x"
                                << config.columns << " streams " << streams << " on " << target);
    CHECK(static_cast<double>(price.cycles.multipliers) == Approx(static_cast<double>(model.cycles)).epsilon(0.02));
    CHECK(facts.operands_fed == model.operands);
    CHECK(facts.macs_by_class[kClassLow][kClassLow] == (streams == 2 ? model.low : 0));
    CHECK(facts.macs_by_class[kClassHigh][kClassHigh] == model.high);
    CHECK(facts.macs_skipped == facts.macs - model.low - model.high);
  });
  ++cases;
}

TEST_CASE("Cycles are within 2 % of a stepped array, its products and operands counted exactly") {
  uint32_t cases = 0, seed = 1;
  for (const ConvTile& tile :
       {ConvTile::whole(1, 1, 5, 5, 1, 3, 3, 1, 1), ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1),
        ConvTile::whole(1, 8, 6, 6, 16, 3, 3, 1, 1), ConvTile::whole(2, 16, 4, 4, 20, 1, 1, 1, 0),
        ConvTile::whole(1, 2, 9, 9, 7, 5, 5, 1, 2), ConvTile::whole(3, 1, 28, 28, 8, 3, 3, 1, 1),
        ConvTile::whole(2, 1, 17, 63, 2, 3, 3, 1, 1), ConvTile::fully_connected(5, 40, 18),
        ConvTile::fully_connected(16, 33, 10), ConvTile::fully_connected(1, 64, 33)}) {
    for (const double zeros : {0.0, 0.3, 0.6, 0.9, 1.0}) {
      const test::ConvCase c = test::make_case(tile, seed++, zeros);
      for (const Mode mode : {Mode::kDual, Mode::kDense}) {
        DaaConfig config;
        config.ff = config.bp = config.wg = mode;
        if (seed % 2 == 0) config.rows = 7, config.columns = 12;
        for (const Pass pass : {Pass::ff, Pass::bp, Pass::wg}) check_case(config, pass, c, cases);
      }
    }
  }
  CHECK(cases == 300);
}

TEST_CASE("Tiles cut at whole pairs have the products of the whole, and no fewer cycles") {
  const ConvTile whole = ConvTile::whole(2, 8, 6, 6, 24, 3, 3, 1, 1);
  const test::ConvCase c = test::make_case(whole, 3);
  const DaaConfig config;
  Facts all, parts;
  Workspace workspace;
  daa::count_tile(config, Pass::ff, whole, c.x_operand(), c.w_operand(), all, workspace);
  for (uint32_t c0 = 0; c0 < 8; c0 += 2) {
    ConvTile part = whole;
    part.c = 2;
    part.c0 = c0;
    const Operand x{c.x.data() + c0 * whole.x_stride_c, nullptr}, w{c.w.data() + c0 * whole.w_stride_c, nullptr};
    daa::count_tile(config, Pass::ff, part, x, w, parts, workspace);
  }
  CHECK(parts.macs == all.macs);
  CHECK(parts.macs_by_class == all.macs_by_class);
  CHECK(parts.operands_fed == all.operands_fed);
  CHECK(parts.fold_steps[1] == all.fold_steps[1]);
  CHECK(daa::price(parts, config, {}).cycles.multipliers > daa::price(all, config, {}).cycles.multipliers);
}

TEST_CASE("A buffer that feeds one stream only takes the gain of the second away") {
  const test::ConvCase c = test::make_case(ConvTile::whole(1, 64, 8, 8, 64, 3, 3, 1, 1), 4);
  const auto cycles = [&](const DaaConfig& config) {
    Facts facts;
    Workspace workspace;
    daa::count_tile(config, Pass::ff, c.tile, c.x_operand(), c.w_operand(), facts, workspace);
    return static_cast<double>(daa::price(facts, config, {}).cycles.multipliers);
  };
  DaaConfig dual, dense, narrow;
  dense.ff = Mode::kDense;
  narrow.operand_bytes_per_cycle = (16 + 16) * 2;  // what the dense array takes
  CHECK(cycles(dense) / cycles(dual) == Approx((576.0 + 30) / (288 + 30 + 1)));
  CHECK(cycles(narrow) == Approx(cycles(dense)).epsilon(0.01));
}

TEST_CASE("Energy goes by the products of each unit, the operands that are fed, and what stands idle") {
  // One fold of 16 x 16, 8 terms of ones: no zero anywhere, so each of 4 pairs has a high and a low product.
  const ConvTile tile = ConvTile::fully_connected(16, 8, 16);
  const std::vector<float> ones(128, 1.0f);
  Facts facts;
  Workspace workspace;
  DaaConfig config;
  const Operand operand{ones.data(), nullptr};
  daa::count_tile(config, Pass::ff, tile, operand, operand, facts, workspace);
  CHECK(facts.macs == 2048);
  CHECK(facts.macs_by_class[kClassLow][kClassLow] == 1024);
  const EnergyConstants energy;
  const Price price = daa::price(facts, config, energy);
  CHECK(price.cycles.multipliers == 4 + 30 + 1);
  CHECK(price.energy.multiply_high_pj == Approx(1024 * 1.1 * 64 / 121));
  CHECK(price.energy.multiply_low_pj == Approx(1024 * 1.1 * 16 / 121));
  CHECK(price.energy.accumulate_pj == Approx(2048 * 0.9));
  CHECK(price.energy.control_pj == Approx(1024 * 0.03));
  CHECK(price.energy.buffer_pj == Approx(8 * 32 * 2 / 8.0 * 10));
  // 256 units for 35 cycles, high; for 5 cycles, low.
  const double high_pj = 1.1 * 64 / 121 + 0.9, low_pj = 1.1 * 16 / 121 + 0.9;
  CHECK(price.energy.idle_pj == Approx(0.05 * ((256 * 35 - 1024) * high_pj + (256 * 5 - 1024) * low_pj)));
  config.ff = Mode::kDense;
  config.gate_zeros = false;
  std::vector<float> some = ones;
  some[0] = some[9] = 0;
  Facts dense;
  daa::count_tile(config, Pass::ff, tile, {some.data(), nullptr}, operand, dense, workspace);
  CHECK(daa::price(dense, config, energy).energy.multiply_high_pj == Approx(2048 * 1.1 * 64 / 121));
  config.gate_zeros = true;
  Facts gated;
  daa::count_tile(config, Pass::ff, tile, {some.data(), nullptr}, operand, gated, workspace);
  CHECK(daa::price(gated, config, energy).energy.multiply_high_pj == Approx((2048 - 32) * 1.1 * 64 / 121));
}

}  // namespace
}  // namespace backboard::npu
