// rowpipe's arithmetic: codes and sums against integers, on every vector unit.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "npu/engine/conv_loops.h"
#include "npu/engine/rowpipe/compute_tile.h"
#include "npu/engine/rowpipe/quantise.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/npu/engine/rowpipe/code_model.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using backboard::test::Values;
using rowpipe::RowpipeConfig;

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Sums of a tile that the units leave, in the order of TileArithmetic.
std::vector<float> run(const RowpipeConfig& config, Pass pass, const ConvTile& t, const std::vector<float>& first,
                       const std::vector<float>& second, std::vector<float> sums) {
  Workspace workspace;
  const auto [a, b] =
      rowpipe::prepare_tile(config, pass, t, {first.data(), nullptr}, {second.data(), nullptr}, workspace);
  rowpipe::multiply_tile(pass, t, a, b, sums.data(), workspace);
  rowpipe::finish_sums(pass, sums);
  return sums;
}

TEST_CASE("A row's codes are nearest, ties to even, in the smallest step that holds its largest value") {
  std::mt19937 random(3);
  std::normal_distribution<float> normal(0, 1);
  for (const uint32_t bits : {2u, 4u, 8u}) {
    std::vector<std::vector<float>> rows;
    for (int i = 0; i < 400; ++i) {
      std::vector<float> row(37);
      const float scale = std::ldexp(1.0f, static_cast<int>(random() % 40) - 24);
      for (float& value : row) {
        value = round_nearest_even_saturate(format_row(NumberFormat::kFp16),
                                            random() % 4 == 0 ? 0 : scale * normal(random));
      }
      rows.push_back(row);
    }
    // Half a step below the end, ties, the smallest and largest FP16, and what is no number.
    const float end = static_cast<float>((2 << (bits - 1)) - 1) / 2;
    rows.push_back({end});
    rows.push_back({std::nextafter(end, 0.0f), 0.5f, 1.5f, -2.5f, -0.5f});
    rows.push_back({0x1p-24f, -0x1p-24f, 3 * 0x1p-24f});
    rows.push_back({65504.0f, -65504.0f, 4096.0f});
    rows.push_back({0.0f, -0.0f, std::nanf("")});
    rows.push_back({std::numeric_limits<float>::infinity(), 100.0f, std::nanf(""), -65504.0f});
    for (const std::vector<float>& row : rows) {
      const test::Codes codes = test::codes_of(static_cast<int>(bits), row);
      std::vector<float> expected;
      for (const int64_t code : codes.codes) expected.push_back(test::scaled(code, codes.e));
      backboard::test::for_each_simd_target([&](const char* target) {
        std::vector<float> out(row.size()), twice(row.size());
        Workspace workspace;
        const rowpipe::RowLayout layout{1, 0, 1, row.size()};
        rowpipe::quantise_rows(bits, layout, row.data(), out.data(), workspace);
        rowpipe::quantise_rows(bits, layout, out.data(), twice.data(), workspace);
        CAPTURE(target, bits, row.front());
        CHECK(same_bytes(out, expected));
        CHECK(same_bytes(twice, out));  // what is on the grid stays there
      });
    }
  }
}

TEST_CASE(
    "Convolutions of every shape are sums of codes dequantised to FP16, FC layers and gradients are FP16 products") {
  const RowpipeConfig config;
  uint32_t seed = 1;
  for (const ConvTile& t : test::shapes()) {
    const test::ConvCase c = test::make_case(t, seed++, 0.4, 1.0);
    const Values x({t.n, t.c, t.h, t.w}, c.x), w({t.k, t.c, t.kh, t.kw}, c.w), dy({t.n, t.k, t.oh, t.ow}, c.dy);
    const bool floating = test::is_float_layer(x, w);
    const Values xc = floating ? x : test::coded_activations(4, x, t.c), wc = floating ? w : test::coded_weights(4, w);
    const auto window = test::window_of(t);
    backboard::test::for_each_simd_target([&](const char* target) {
      INFO(test::describe(t) << " on " << target);
      CHECK(same_bytes(run(config, Pass::ff, t, c.x, c.w, std::vector<float>(dy.data.size())),
                       golden_ff(xc, wc, window, test::sum_dequantised).data));
      CHECK(same_bytes(run(config, Pass::bp, t, c.dy, c.w, std::vector<float>(x.data.size())),
                       golden_bp(dy, wc, window, x.shape).data));
      CHECK(same_bytes(run(config, Pass::wg, t, c.x, c.dy, w.data), golden_wg(x, dy, window, w).data));
    });
  }
}

TEST_CASE("Integer sums of codes, dequantised once, are what simulated quantisation gives within one FP16 rounding") {
  // s_w s_x (q_w * q_x): integers only, to the end; each row of x in its own step.
  const RowpipeConfig config;
  uint64_t outputs = 0, equal = 0;
  uint32_t seed = 50;
  for (const ConvTile& t : test::shapes()) {
    for (const float scale : {1e-3f, 1.0f, 30.0f}) {
      const test::ConvCase c = test::make_case(t, seed++, 0.4, 1.0, scale);
      if (t.h * t.w * t.kh * t.kw == 1) continue;
      const std::vector<float> got = run(config, Pass::ff, t, c.x, c.w, std::vector<float>(c.dy.size()));
      const Values x({t.n, t.c, t.h, t.w}, c.x);
      for (uint32_t n = 0; n < t.n; ++n) {
        std::vector<test::Codes> rows;
        for (uint32_t h = 0; h < t.h; ++h) {
          std::vector<float> row;
          for (uint32_t ch = 0; ch < t.c; ++ch)
            for (uint32_t v = 0; v < t.w; ++v) row.push_back(x.at(n, ch, h, v));
          rows.push_back(test::codes_of(4, row));
        }
        for (uint32_t k = 0; k < t.k; ++k) {
          const size_t size = size_t{t.c} * t.kh * t.kw;
          const test::Codes weights = test::codes_of(4, {c.w.begin() + k * size, c.w.begin() + (k + 1) * size});
          for (uint32_t oh = 0; oh < t.oh; ++oh) {
            for (uint32_t ow = 0; ow < t.ow; ++ow) {
              // In steps of 2^(e_w - 26): no row of FP16 has a smaller step than 2^-26.
              int64_t sum = 0;
              for (uint32_t ch = 0; ch < t.c; ++ch) {
                for_each_tap(t, oh, ow, [&](uint32_t kh, uint32_t kw, uint32_t ih, uint32_t iw) {
                  const int64_t product = rows[ih].codes[ch * t.w + iw] * weights.codes[(ch * t.kh + kh) * t.kw + kw];
                  if (product != 0) sum += product << (rows[ih].e + 26);
                });
              }
              const double exact = std::ldexp(static_cast<double>(sum), weights.e - 26);
              const float value = got[((size_t{n} * t.k + k) * t.oh + oh) * t.ow + ow];
              const float rounded = test::nearest_fp16(static_cast<float>(exact));
              // One rounding of FP16: half of the last of its eleven places, or of the smallest number.
              const double bound = std::max(std::ldexp(std::abs(exact), -11), std::ldexp(1.0, -25));
              if (std::abs(exact) < 65504) CHECK(std::abs(value - exact) <= bound * 1.001);
              ++outputs;
              equal += value == rounded;
            }
          }
        }
      }
    }
  }
  INFO(equal << " of " << outputs);
  CHECK(equal == outputs);
  CHECK(outputs > 50'000);
}

TEST_CASE("More bits give other codes, and eight bits are closer than four") {
  const ConvTile t = ConvTile::whole(1, 8, 6, 6, 16, 3, 3, 1, 1);
  const test::ConvCase c = test::make_case(t, 9, 0.4, 1.0);
  const std::vector<float> exact =
      golden_ff(Values({1, 8, 6, 6}, c.x), Values({16, 8, 3, 3}, c.w), test::window_of(t)).data;
  const auto distance = [&](uint32_t bits) {
    RowpipeConfig config;
    config.activation_bits = config.weight_bits = bits;
    const std::vector<float> got = run(config, Pass::ff, t, c.x, c.w, std::vector<float>(exact.size()));
    double sum = 0;
    for (size_t i = 0; i < got.size(); ++i) sum += std::abs(double{got[i]} - exact[i]);
    return sum;
  };
  CHECK(distance(8) < distance(4) / 4);
  CHECK(distance(4) < distance(2) / 2);
}

}  // namespace
}  // namespace backboard::npu
