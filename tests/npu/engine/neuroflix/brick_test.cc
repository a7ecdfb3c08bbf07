// The arithmetic of neuroflix against bricks in integers: alignment, merging, whole convolutions, every vector unit.
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>
#include <random>

#include "npu/engine/neuroflix/compute_tile.h"
#include "npu/engine/neuroflix/group_gemm.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/npu/engine/neuroflix/brick_model.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using backboard::test::golden_bp;
using backboard::test::golden_ff;
using backboard::test::golden_wg;
using backboard::test::SumRule;
using backboard::test::Terms;
using backboard::test::Values;
using neuroflix::NeuroflixConfig;

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// FP16 values of any pattern, zeros and edges among them.
std::vector<float> any_fp16(std::mt19937& random, size_t count) {
  const float edges[] = {0.0f, 0x1p-24f, 0x1.ff8p-15f, 0x1p-14f, 1.0f, 0x1.ffcp0f, 65504.0f, 0x1.fc8p3f, 0x1.fdp-3f};
  std::vector<float> values(count);
  for (float& value : values) {
    const uint32_t kind = random() % 8;
    if (kind == 0) continue;
    // Half of them near one another, so that groups are not one large value among zeros.
    value = kind == 1  ? edges[random() % std::size(edges)]
            : kind < 5 ? decode_value(format_row(NumberFormat::kFp16), 0x3000 + random() % 0x1000)
                       : decode_value(format_row(NumberFormat::kFp16), random() % 0x7c00);
    if (value != 0 && random() % 2 == 0) value = -value;
  }
  return values;
}

TEST_CASE("Merged bricks are the exact sum of the aligned operands, in accumulators of 12 bits") {
  std::mt19937 random(1);
  for (const uint32_t a_bits : {4u, 8u, 12u}) {
    for (const uint32_t b_bits : {4u, 8u, 12u}) {
      int32_t widest = 0;
      for (int round = 0; round < 3000; ++round) {
        const std::vector<float> x = any_fp16(random, 16), w = any_fp16(random, 16);
        const test::ModelGroup a = test::align_exactly(x.data(), 16, a_bits),
                               b = test::align_exactly(w.data(), 16, b_bits);
        int64_t sum = 0;
        for (size_t i = 0; i < 16; ++i) sum += int64_t{a.integers[i]} * b.integers[i];
        const test::BrickSums bricks = test::sum_bricks(a, a_bits, b, b_bits);
        REQUIRE(test::merge(bricks) == sum);
        widest = std::max(widest, bricks.widest);
      }
      // 16 products of 15 by 15 are 3600 at most: 12 bits and a sign.
      CHECK(widest <= 3600);
    }
  }
}

TEST_CASE("Each group of any operands adds what the bricks add, on every vector unit and in every mode") {
  std::mt19937 random(2);
  for (const uint32_t steps : {1u, 15u, 16u, 17u, 48u, 300u}) {
    const uint32_t rows = 21, columns = 37;
    const std::vector<float> x = any_fp16(random, size_t{rows} * steps), w = any_fp16(random, size_t{columns} * steps);
    for (const auto& [low, high] : {std::pair(8u, 12u), {4u, 8u}, {4u, 12u}, {8u, 8u}}) {
      NeuroflixConfig config;
      config.low_bits = low;
      config.high_bits = high;
      for (const Pass pass : {Pass::ff, Pass::bp}) {
        // An FC layer: FF rows are images, columns outputs, steps inputs; BP reads the weights transposed.
        const bool forward = pass == Pass::ff;
        const ConvTile tile =
            forward ? ConvTile::fully_connected(rows, steps, columns) : ConvTile::fully_connected(rows, columns, steps);
        std::vector<float> weights = w;
        if (!forward) {
          for (uint32_t k = 0; k < steps; ++k) {
            for (uint32_t c = 0; c < columns; ++c) weights[size_t{k} * columns + c] = w[size_t{c} * steps + k];
          }
        }
        std::vector<float> expected(size_t{rows} * columns);
        for (uint32_t m = 0; m < rows; ++m) {
          for (uint32_t n = 0; n < columns; ++n) {
            Terms terms;
            for (uint32_t r = 0; r < steps; ++r) terms.emplace_back(x[size_t{m} * steps + r], w[size_t{n} * steps + r]);
            expected[size_t{m} * columns + n] =
                test::sum_groups(config.first_bits(pass), config.second_bits(pass), 0.0f, terms);
          }
        }
        backboard::test::for_each_simd_target([&](const char* target) {
          std::vector<float> sums(expected.size());
          Workspace workspace;
          neuroflix::multiply_tile(config, pass, tile, {x.data(), nullptr}, {weights.data(), nullptr}, sums.data(),
                                   workspace);
          INFO("steps " << steps << " bits " << low << " " << high << " on " << target);
          CHECK(same_bytes(sums, expected));
        });
      }
    }
  }
}

void check_convolutions(const std::vector<ConvTile>& tiles) {
  const NeuroflixConfig config;
  uint32_t seed = 1;
  for (const ConvTile& t : tiles) {
    const test::ConvCase c = test::make_case(t, seed++, 0.4, 1.0);
    const Values x({t.n, t.c, t.h, t.w}, c.x), w({t.k, t.c, t.kh, t.kw}, c.w), dy({t.n, t.k, t.oh, t.ow}, c.dy);
    const backboard::test::Window window = test::window_of(t);
    const auto rule = [&](Pass pass) {
      return [&config, pass](float start, const Terms& terms) {
        return test::sum_groups(config.first_bits(pass), config.second_bits(pass), start, terms);
      };
    };
    const Values ff = golden_ff(x, w, window, rule(Pass::ff)), bp = golden_bp(dy, w, window, x.shape, rule(Pass::bp));
    const Values wg = golden_wg(x, dy, window, w, rule(Pass::wg));
    backboard::test::for_each_simd_target([&](const char* target) {
      INFO(test::describe(t) << " on " << target);
      Workspace workspace;
      std::vector<float> y(dy.data.size()), dx(x.data.size()), dw = w.data;
      neuroflix::multiply_tile(config, Pass::ff, t, c.x_operand(), c.w_operand(), y.data(), workspace);
      neuroflix::multiply_tile(config, Pass::bp, t, c.dy_operand(), c.w_operand(), dx.data(), workspace);
      neuroflix::multiply_tile(config, Pass::wg, t, c.x_operand(), c.dy_operand(), dw.data(), workspace);
      CHECK(same_bytes(y, ff.data));
      CHECK(same_bytes(dx, bp.data));
      CHECK(same_bytes(dw, wg.data));
    });
  }
}

TEST_CASE("Convolutions of every shape equal sums of bricks, on every vector unit") {
  check_convolutions(test::shapes());
}

TEST_CASE("Few sums of many terms equal sums of bricks however their terms lie") {
  // FC layers of many channels and of many images; taps in many short runs, read backwards in BP; lines of odd length.
  check_convolutions({ConvTile::fully_connected(9, 701, 11), ConvTile::fully_connected(600, 5, 4),
                      ConvTile::whole(1, 80, 3, 3, 5, 3, 3, 1, 1), ConvTile::whole(1, 5, 3, 3, 80, 3, 3, 1, 1),
                      ConvTile::whole(2, 1, 27, 23, 7, 3, 3, 1, 1)});
}

TEST_CASE("Infinities and NaN are zeros to fixed-point units") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const ConvTile tile = ConvTile::fully_connected(1, 4, 1);
  const std::vector<float> x = {infinity, 2.0f, nan, -infinity}, w = {1.0f, 3.0f, 1.0f, 0.0f};
  backboard::test::for_each_simd_target([&](const char* target) {
    INFO(target);
    Workspace workspace;
    float sum = 0.5f;
    neuroflix::multiply_tile({}, Pass::ff, tile, {x.data(), nullptr}, {w.data(), nullptr}, &sum, workspace);
    CHECK(sum == 6.5f);
  });
}

TEST_CASE("Infinities and NaN in convolutions add what zeros in their places add, on every vector unit") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  for (const ConvTile& t :
       {ConvTile::whole(3, 1, 28, 28, 8, 3, 3, 1, 1), ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1)}) {
    test::ConvCase with = test::make_case(t, 3, 0.2, 1.0);
    test::ConvCase without = with;
    const auto strike = [&](std::vector<float>& values, std::vector<float>& zeros) {
      for (size_t i = 1; i < values.size(); i += 13) {
        values[i] = i % 3 == 0 ? infinity : i % 3 == 1 ? -infinity : nan;
        zeros[i] = 0;
      }
    };
    strike(with.x, without.x);
    strike(with.w, without.w);
    strike(with.dy, without.dy);
    const auto run = [&](const test::ConvCase& c, Pass pass) {
      Workspace workspace;
      std::vector<float> sums(pass == Pass::ff ? c.dy.size() : pass == Pass::bp ? c.x.size() : c.w.size(), 0.25f);
      neuroflix::multiply_tile({}, pass, t, pass == Pass::bp ? c.dy_operand() : c.x_operand(),
                               pass == Pass::wg ? c.dy_operand() : c.w_operand(), sums.data(), workspace);
      return sums;
    };
    backboard::test::for_each_simd_target([&](const char* target) {
      for (const Pass pass : {Pass::ff, Pass::bp, Pass::wg}) {
        INFO(test::describe(t) << " pass " << static_cast<int>(pass) << " on " << target);
        CHECK(same_bytes(run(with, pass), run(without, pass)));
      }
    });
  }
}

TEST_CASE("The baseline rounds operands to bfloat16 and adds product by product") {
  NeuroflixConfig config;
  config.units = neuroflix::Units::kBfloat16;
  const ConvTile t = ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1);
  const test::ConvCase c = test::make_case(t, 5, 0.4, 1.0);
  Values x({t.n, t.c, t.h, t.w}, c.x), w({t.k, t.c, t.kh, t.kw}, c.w);
  for (auto* values : {&x.data, &w.data}) {
    for (float& value : *values) value = round_nearest_even_saturate(format_row(NumberFormat::kBf16), value);
  }
  std::vector<float> y(c.dy.size());
  Workspace workspace;
  neuroflix::multiply_tile(config, Pass::ff, t, c.x_operand(), c.w_operand(), y.data(), workspace);
  CHECK(same_bytes(y, golden_ff(x, w, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}).data));
}

}  // namespace
}  // namespace backboard::npu
