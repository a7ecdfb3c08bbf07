// taxonn: rounding to fixed point and sums against integers, cycles against stepped units, widths by layer.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <deque>
#include <limits>
#include <random>

#include "npu/engine/taxonn/compute_tile.h"
#include "npu/engine/taxonn/cost.h"
#include "npu/engine/taxonn/fix_span.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/npu/engine/taxonn/fixed_model.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using backboard::test::Terms;
using backboard::test::Values;
using taxonn::FixedPoint;
using taxonn::TaxonnConfig;
using taxonn::Trainer;

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

TEST_CASE(
    "Rounding to fixed point is nearest, ties to even, and saturates, for any binary32 and on every vector unit") {
  std::mt19937 random(1);
  for (const FixedPoint& format : {FixedPoint{4, 8}, {1, 11}, {-2, 14}, {2, 18}, {0, 1}, {12, 0}, {15, -4}}) {
    std::vector<float> in = {0.0f,
                             -0.0f,
                             std::numeric_limits<float>::infinity(),
                             -std::numeric_limits<float>::infinity(),
                             std::nanf(""),
                             0x1p-149f,
                             0x1.fffffep127f,
                             -0x1.fffffep127f};
    const double place = std::ldexp(1.0, -format.fraction);
    for (int i = 0; i < 3000; ++i) {
      const double whole = static_cast<double>(random() % (1u << (format.bits() + 1)));
      const auto near = static_cast<float>((whole + 0.5 * (random() % 3)) * place);
      in.push_back(random() % 2 == 0 ? near : -near);
      in.push_back(std::nextafter(near, 1e9f));
      in.push_back(std::nextafter(near, -1e9f));
      in.push_back(std::bit_cast<float>(static_cast<uint32_t>(random())));
    }
    std::vector<float> expected;
    for (const float value : in) {
      expected.push_back(test::scaled(test::fix_exactly(value, format.integer, format.fraction), -format.fraction));
    }
    backboard::test::for_each_simd_target([&](const char* target) {
      std::vector<float> out(in.size());
      taxonn::fix_span(format, in, out);
      INFO(format.integer << "." << format.fraction << " on " << target);
      CHECK(same_bytes(out, expected));
    });
  }
}

TEST_CASE("Convolutions of every shape equal integer products in order, gradients rounded when they are complete") {
  const TaxonnConfig config;
  uint32_t seed = 1;
  for (const ConvTile& t : test::shapes()) {
    const test::ConvCase c = test::make_case(t, seed++, 0.4, 1.0);
    const Values x({t.n, t.c, t.h, t.w}, c.x), w({t.k, t.c, t.kh, t.kw}, c.w), dy({t.n, t.k, t.oh, t.ow}, c.dy);
    const backboard::test::Window window = test::window_of(t);
    const auto rule = [](Pass pass) {
      return [pass](float start, const Terms& terms) { return test::sum_fixed(pass, start, terms); };
    };
    const Values ff = golden_ff(x, w, window, rule(Pass::ff)), bp = golden_bp(dy, w, window, x.shape, rule(Pass::bp));
    const Values wg = golden_wg(x, dy, window, w, rule(Pass::wg));
    Workspace workspace;
    std::vector<float> y(dy.data.size()), dx(x.data.size()), dw = w.data;
    taxonn::multiply_tile(config, Pass::ff, t, c.x_operand(), c.w_operand(), y.data(), workspace);
    taxonn::multiply_tile(config, Pass::bp, t, c.dy_operand(), c.w_operand(), dx.data(), workspace);
    taxonn::multiply_tile(config, Pass::wg, t, c.x_operand(), c.dy_operand(), dw.data(), workspace);
    for (const Pass pass : {Pass::ff, Pass::bp, Pass::wg}) {
      taxonn::finish_sums(config, pass, 0, pass == Pass::ff ? y : pass == Pass::bp ? dx : dw);
    }
    INFO(test::describe(t));
    CHECK(same_bytes(y, ff.data));
    CHECK(same_bytes(dx, bp.data));
    CHECK(same_bytes(dw, wg.data));
  }
}

TEST_CASE("A layer that the configuration names has its own formats") {
  TaxonnConfig config;
  config.layers.push_back({3, {{1, 1}, {1, 1}, {1, 1}, {1, 0}}});
  ConvTile tile = ConvTile::fully_connected(1, 1, 1);
  const std::vector<float> x = {0.3f}, w = {0.7f};
  const auto product = [&](uint32_t layer) {
    tile.layer = layer;
    float sum = 0;
    Workspace workspace;
    taxonn::multiply_tile(config, Pass::ff, tile, {x.data(), nullptr}, {w.data(), nullptr}, &sum, workspace);
    return sum;
  };
  CHECK(product(3) == 0.5f * 0.5f);
  CHECK(product(2) == 77 * 0x1p-8f * (1434 * 0x1p-11f));  // nearest to 0.3 in 2^-8 and to 0.7 in 2^-11
  std::vector<float> gradient = {0.6f, -7.0f};
  taxonn::finish_sums(config, Pass::wg, 3, gradient);
  CHECK(gradient == std::vector<float>{1.0f, -1.0f});
}

/// P units that take products from a queue, one each a cycle; a sum is complete `latency` cycles after its last one.
uint64_t step_units(uint64_t products, uint32_t units, uint32_t latency, uint32_t switching) {
  uint64_t cycle = switching;
  std::deque<uint64_t> done;
  for (uint64_t left = products; left > 0; ++cycle) {
    const uint64_t taken = std::min<uint64_t>(units, left);
    left -= taken;
    done.push_back(cycle + 1 + latency);
  }
  return done.empty() ? cycle + latency : done.back();
}

TEST_CASE("Cycles are within 2 % of stepped units") {
  uint32_t cases = 0;
  for (const ConvTile& tile : test::shapes()) {
    for (const uint32_t units : {1u, 7u, 256u}) {
      for (const Trainer trainer : {Trainer::kShared, Trainer::kDedicated}) {
        TaxonnConfig config;
        config.units = units;
        config.trainer = trainer;
        Facts facts;
        taxonn::count_tile(config, Pass::ff, tile, facts);
        const uint64_t stepped = step_units(facts.macs, units, 8, trainer == Trainer::kShared ? 2 : 0);
        CHECK(static_cast<double>(taxonn::price(facts, config, {}).cycles.multipliers) ==
              Approx(static_cast<double>(stepped)).epsilon(0.02));
        ++cases;
      }
    }
  }
  CHECK(cases >= 100);
}

TEST_CASE("A training step costs three inferences less the error of the first layer") {
  // Two layers of c1 and c2 products: FF c1 + c2, BP c2, WG c1 + c2.
  const ConvTile first = ConvTile::whole(8, 1, 28, 28, 8, 3, 3, 1, 1),
                 second = ConvTile::whole(8, 8, 28, 28, 8, 3, 3, 1, 1);
  TaxonnConfig config;
  config.latency_cycles = config.mode_switch_cycles = 0;
  config.units = 1;
  Facts inference, training;
  for (const ConvTile& tile : {first, second}) taxonn::count_tile(config, Pass::ff, tile, inference);
  training = inference;
  taxonn::count_tile(config, Pass::bp, second, training);
  for (const ConvTile& tile : {first, second}) taxonn::count_tile(config, Pass::wg, tile, training);
  const auto cycles = [&](const Facts& facts) {
    return static_cast<double>(taxonn::price(facts, config, {}).cycles.multipliers);
  };
  CHECK(cycles(training) / cycles(inference) == Approx(3.0 - 1.0 / 9.0));  // c1 is a ninth of c1 + c2
}

TEST_CASE("Three arrays stand idle where one is switched") {
  const ConvTile tile = ConvTile::fully_connected(16, 64, 64);
  TaxonnConfig config;
  Facts facts;
  taxonn::count_tile(config, Pass::ff, tile, facts);
  CHECK(facts.brick_products == 65536ull * 13 * 13);
  const EnergyConstants energy;
  const Price shared = taxonn::price(facts, config, energy);
  config.trainer = Trainer::kDedicated;
  const Price dedicated = taxonn::price(facts, config, energy);
  CHECK(shared.cycles.multipliers == 256 + 8 + 2);
  CHECK(dedicated.cycles.multipliers == 256 + 8);
  CHECK(shared.energy.multiply_low_pj == Approx(65536 * 0.2 * 169 / 64));
  CHECK(shared.energy.multiply_low_pj == dedicated.energy.multiply_low_pj);
  CHECK(shared.energy.control_pj == Approx(65536 * 0.06));
  CHECK(dedicated.energy.control_pj == 0.0);
  const double product_pj = 0.2 * 169 / 64 + 0.1;
  CHECK(shared.energy.idle_pj == Approx(0.05 * (256 * 266 - 65536) * product_pj));
  CHECK(dedicated.energy.idle_pj == Approx(0.05 * (768 * 264 - 65536) * product_pj));
}

}  // namespace
}  // namespace backboard::npu
