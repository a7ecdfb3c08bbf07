// The arithmetic of daa against integers: pairs of any operands, whole convolutions, every vector unit, any tiles.
#include <catch2/catch.hpp>
#include <cmath>
#include <cstring>
#include <limits>
#include <random>

#include "npu/engine/daa/compute_tile.h"
#include "npu/engine/daa/pair_gemm.h"
#include "npu/numerics/rounding.h"
#include "tests/npu/device/command_making.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/npu/engine/daa/pair_model.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using backboard::test::golden_bp;
using backboard::test::golden_ff;
using backboard::test::golden_wg;
using backboard::test::SumRule;
using backboard::test::Terms;
using backboard::test::Values;
using daa::Arbiter;
using daa::DaaConfig;
using daa::Mode;
using test::PairModel;

const FormatRow& kBf16 = format_row(NumberFormat::kBf16);

/// Equal bytes, but for the payload of NaN.
bool same_values(const std::vector<float>& a, const std::vector<float>& b) {
  if (a.size() != b.size()) return false;
  for (size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = a[i] != a[i] && b[i] != b[i];
    if (!both_nan && std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return false;
  }
  return true;
}

PairModel model_of(const DaaConfig& config, Mode mode = Mode::kDual) {
  return {config.arbiter == Arbiter::kValue ? PairModel::Arbiter::value : PairModel::Arbiter::first,
          config.low_mantissa, mode == Mode::kLow};
}

/// Bfloat16 values of any pattern, zeros and edges among them, none of them an infinity or NaN.
std::vector<float> any_bf16(std::mt19937& random, size_t count) {
  const float edges[] = {0.0f, 0x1p-133f, 0x1.fcp-127f, 0x1p-126f,  0x1.02p-126f,
                         1.0f, 0x1.fep0f, 0x1.08p0f,    0x1.fep127f};
  std::vector<float> values(count);
  for (float& value : values) {
    const uint32_t kind = random() % 8;
    if (kind == 0) {
      value = 0;
    } else if (kind == 1) {
      value = edges[random() % std::size(edges)];
    } else {
      value = std::bit_cast<float>(static_cast<uint32_t>(random() % 0x7f80) << 16);
    }
    if (value != 0 && random() % 2 == 0) value = -value;
  }
  return values;
}

TEST_CASE("Each pair of any four operands adds what the integer model adds, on every vector unit") {
  std::mt19937 random(1);
  const uint32_t c = 150, k = 131;
  const ConvTile tile = ConvTile::fully_connected(2, c, k);
  for (uint32_t round = 0; round < 3; ++round) {
    for (const uint32_t mantissa : {2u, 3u, 4u}) {
      for (const Mode mode : {Mode::kDual, Mode::kLow}) {
        DaaConfig config;
        config.low_mantissa = mantissa;
        config.wg = mode;
        if (round == 2) config.arbiter = Arbiter::kFirst;
        const std::vector<float> x = any_bf16(random, size_t{2} * c), dy = any_bf16(random, size_t{2} * k);
        std::vector<float> start = any_bf16(random, size_t{c} * k), expected = start;
        const PairModel model = model_of(config, mode);
        for (uint32_t i = 0; i < k; ++i) {
          for (uint32_t j = 0; j < c; ++j) {
            float& sum = expected[size_t{i} * c + j];
            sum = test::add_pair(model, sum, {x[j], dy[i]}, {x[c + j], dy[k + i]});
          }
        }
        backboard::test::for_each_simd_target([&](const char* target) {
          std::vector<float> sums = start;
          Workspace workspace;
          daa::multiply_tile(config, Pass::wg, tile, {x.data(), nullptr}, {dy.data(), nullptr}, sums.data(), workspace);
          INFO("m " << mantissa << " mode " << static_cast<int>(mode) << " on " << target);
          CHECK(same_values(sums, expected));
        });
      }
    }
  }
}

/// Bfloat16 tensors of a convolution, some zeros in them.
struct Tensors {
  Values x, w, dy;
  backboard::test::Window window;
};

Tensors tensors_of(const ConvTile& t, uint32_t seed) {
  std::mt19937 random(seed);
  const auto fill = [&](std::array<uint32_t, 4> shape, double zeros) {
    std::vector<float> values;
    std::vector<uint8_t> classes;
    const Values sized(shape);
    test::fill_classes(random, zeros, 1.0, 1.1f, values, classes, sized.data.size());
    for (float& value : values) value = round_nearest_even_saturate(kBf16, value);
    return Values(shape, values);
  };
  return {fill({t.n, t.c, t.h, t.w}, 0.4), fill({t.k, t.c, t.kh, t.kw}, 0.02), fill({t.n, t.k, t.oh, t.ow}, 0.7),
          test::window_of(t)};
}

std::vector<float> run(const DaaConfig& config, Pass pass, const ConvTile& tile, const Tensors& t,
                       std::vector<float> sums) {
  Workspace workspace;
  const Values& first = pass == Pass::bp ? t.dy : t.x;
  const Values& second = pass == Pass::wg ? t.dy : t.w;
  daa::multiply_tile(config, pass, tile, {first.data.data(), nullptr}, {second.data.data(), nullptr}, sums.data(),
                     workspace);
  return sums;
}

void check_convolutions(const DaaConfig& config, const SumRule& rule,
                        const std::vector<ConvTile>& tiles = test::shapes()) {
  uint32_t seed = 1;
  for (const ConvTile& tile : tiles) {
    const Tensors t = tensors_of(tile, seed++);
    const std::vector<float> y(t.dy.data.size()), dx(t.x.data.size());
    const Values ff = golden_ff(t.x, t.w, t.window, rule), bp = golden_bp(t.dy, t.w, t.window, t.x.shape, rule);
    const Values wg = golden_wg(t.x, t.dy, t.window, t.w, rule);
    backboard::test::for_each_simd_target([&](const char* target) {
      INFO(test::describe(tile) << " on " << target);
      CHECK(same_values(run(config, Pass::ff, tile, t, y), ff.data));
      CHECK(same_values(run(config, Pass::bp, tile, t, dx), bp.data));
      CHECK(same_values(run(config, Pass::wg, tile, t, t.w.data), wg.data));
    });
  }
}

TEST_CASE("Convolutions of every shape equal sums of pairs in integers, on every vector unit") {
  const DaaConfig config;
  check_convolutions(config, [&](float start, const Terms& terms) { return test::sum_pairs({}, start, terms); });
}

TEST_CASE("Sums of thousands of terms go on from block to block of them") {
  // WG: 1725 positions in lines of 575, 1100 in runs of one. FF of the FC layer: 2501 channels.
  const std::vector<ConvTile> tiles = {ConvTile::whole(3, 2, 23, 25, 9, 3, 3, 1, 1),
                                       ConvTile::whole(1100, 1, 1, 1, 3, 1, 1, 1, 0),
                                       ConvTile::fully_connected(9, 2501, 11)};
  check_convolutions(
      {}, [&](float start, const Terms& terms) { return test::sum_pairs({}, start, terms); }, tiles);
}

TEST_CASE("Lines and windows of images follow the mode and the arbiter, too") {
  // Lines of 28 and 14 positions with one, two and three passes of channels; an odd number of terms; WG of whole pairs.
  const std::vector<ConvTile> tiles = {ConvTile::whole(3, 1, 28, 28, 8, 3, 3, 1, 1),
                                       ConvTile::whole(2, 3, 14, 14, 11, 3, 3, 1, 1),
                                       ConvTile::whole(1, 2, 9, 30, 19, 3, 5, 1, 2)};
  DaaConfig low;
  low.ff = low.bp = low.wg = Mode::kLow;
  check_convolutions(
      low, [&](float start, const Terms& terms) { return test::sum_pairs(model_of(low, Mode::kLow), start, terms); },
      tiles);
  DaaConfig first;
  first.arbiter = Arbiter::kFirst;
  first.low_mantissa = 2;
  check_convolutions(
      first, [&](float start, const Terms& terms) { return test::sum_pairs(model_of(first), start, terms); }, tiles);
}

TEST_CASE("Coins of thousands of terms are those of their places in the whole sum") {
  DaaConfig config;
  config.arbiter = Arbiter::kRandom;
  const ConvTile whole = ConvTile::whole(4, 2, 24, 25, 9, 3, 3, 1, 1);
  const Tensors t = tensors_of(whole, 3);
  const std::vector<float> together = run(config, Pass::wg, whole, t, t.w.data);
  std::vector<float> sums = t.w.data;
  ConvTile image = whole;
  for (image.n = 1, image.n0 = 0; image.n0 < whole.n; ++image.n0) {
    Workspace workspace;
    daa::multiply_tile(config, Pass::wg, image, {t.x.data.data() + image.n0 * whole.x_stride_n, nullptr},
                       {t.dy.data.data() + image.n0 * whole.y_stride_n, nullptr}, sums.data(), workspace);
  }
  CHECK(same_values(sums, together));
}

TEST_CASE("Dense layers are bfloat16 products added one after the other") {
  DaaConfig config;
  config.ff = config.bp = config.wg = Mode::kDense;
  check_convolutions(config, backboard::test::sum_in_order);
}

TEST_CASE("Layers named low or dense run so whatever the pass says, and others do not") {
  DaaConfig config;
  config.low_layers = {4, 7};
  config.dense_layers = {2};
  for (const Pass pass : {Pass::ff, Pass::bp, Pass::wg}) {
    CHECK(config.mode_of(pass, 7) == Mode::kLow);
    CHECK(config.mode_of(pass, 2) == Mode::kDense);
    CHECK(config.mode_of(pass, 3) == Mode::kDual);
  }
  config.bp = Mode::kDense;
  CHECK(config.mode_of(Pass::bp, 3) == Mode::kDense);
  ConvTile tile = ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1);
  tile.layer = 7;
  const Tensors t = tensors_of(tile, 9);
  const std::vector<float> zeros(t.dy.data.size());
  const auto low = [&](float start, const Terms& terms) {
    return test::sum_pairs(model_of(config, Mode::kLow), start, terms);
  };
  CHECK(run(config, Pass::ff, tile, t, zeros) == golden_ff(t.x, t.w, t.window, low).data);
}

TEST_CASE("A zero operand frees the high unit: the other product is exact however small it is") {
  // 0x1.02p-60 is no value of 1-8-m, 1.0 x 1.0 has by far the larger exponents; a zero in its place makes way.
  const ConvTile tile = ConvTile::fully_connected(1, 2, 1);
  const DaaConfig config;
  const auto sum = [&](std::vector<float> x, std::vector<float> w) {
    std::vector<float> acc(1);
    Workspace workspace;
    daa::multiply_tile(config, Pass::ff, tile, {x.data(), nullptr}, {w.data(), nullptr}, acc.data(), workspace);
    return acc[0];
  };
  CHECK(sum({0x1.02p-60f, 0.0f}, {1.0f, 1.0f}) == 0x1.02p-60f);
  CHECK(sum({0x1.02p-60f, 1.0f}, {1.0f, 0.0f}) == 0x1.02p-60f);
  CHECK(sum({0.0f, 0x1.02p-60f}, {1.0f, 1.0f}) == 0x1.02p-60f);
  CHECK(sum({1.0f, 0x1.02p-60f}, {0.0f, 1.0f}) == 0x1.02p-60f);
  // With both there the larger exponents are exact and the other product is rounded to 1-8-3.
  CHECK(sum({0x1.1ep0f, 0x1.1ep-3f}, {1.0f, 1.0f}) == 0x1.1ep0f + 0x1.2p-3f);
  CHECK(sum({0x1.1ep-3f, 0x1.1ep0f}, {1.0f, 1.0f}) == 0x1.2p-3f + 0x1.1ep0f);
  // Equal sums of exponents: stream 0.
  CHECK(sum({0x1.1ep2f, 0x1.1ep0f}, {1.0f, 4.0f}) == 0x1.1ep2f + 0x1.2p2f);
}

TEST_CASE("A zero times an infinity or NaN adds nothing, and infinities are high") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  const ConvTile tile = ConvTile::fully_connected(1, 4, 1);
  const std::vector<float> x = {infinity, 2.0f, 0.0f, 3.0f}, w = {0.0f, 1.0f, nan, 1.0f}, w2 = {1.0f, 1.0f, 0.0f, 0.0f};
  for (const Mode mode : {Mode::kDual, Mode::kDense}) {
    DaaConfig config;
    config.ff = mode;
    backboard::test::for_each_simd_target([&](const char* target) {
      INFO(target);
      Workspace workspace;
      std::vector<float> acc(2);
      daa::multiply_tile(config, Pass::ff, tile, {x.data(), nullptr}, {w.data(), nullptr}, &acc[0], workspace);
      daa::multiply_tile(config, Pass::ff, tile, {x.data(), nullptr}, {w2.data(), nullptr}, &acc[1], workspace);
      CHECK(acc[0] == 5.0f);
      CHECK(acc[1] == infinity);
    });
  }
}

TEST_CASE("Coins are fair, differ by seed, place, pair and side, and never tie") {
  const uint32_t places[] = {0, 1, 77};
  daa::Coins coins;
  coins.row_places = places;
  double heads = 0, mean = 0;
  for (uint32_t pair = 0; pair < 20'000; ++pair) {
    const float row = coins.of_row(1, pair), column = coins.of_column(1, pair);
    REQUIRE(row != column);
    REQUIRE(std::fabs(row) <= 0.5f);
    REQUIRE(std::fabs(column) <= 0.5f);
    heads += row >= column;
    mean += row;
    // Swapped sides decide the same.
    daa::Coins swapped = coins;
    swapped.swapped = true;
    REQUIRE((swapped.of_row(1, pair) >= swapped.of_column(1, pair)) == (row >= column));
  }
  // Four standard deviations of 20,000 tosses: 0.0141; of the mean of uniform draws: 0.0082.
  CHECK(heads / 20'000 == Approx(0.5).margin(0.0141));
  CHECK(mean / 20'000 == Approx(0.0).margin(0.0082));
  daa::Coins other = coins;
  other.seed = 1;
  uint32_t same = 0;
  for (uint32_t pair = 0; pair < 1000; ++pair) {
    same += (coins.of_row(0, pair) == coins.of_row(1, pair)) + (coins.of_row(0, pair) == other.of_row(0, pair));
  }
  CHECK(same < 8);  // 2000 draws of 4096
}

TEST_CASE("The random arbiter's sums do not depend on tiles or threads, and its seed matters") {
  using namespace backboard::test;
  const EngineRow& row = *find_engine("daa");
  struct Run {
    std::vector<uint8_t> y, dx, dw;
    bool operator==(const Run&) const = default;
  };
  const auto run_with = [&](uint32_t seed, std::array<uint16_t, 4> tiles, uint32_t threads) {
    NpuConfig config = config_of(row);
    config.engines.daa.arbiter = Arbiter::kRandom;
    config.engines.daa.random_seed = seed;
    config.host_threads = threads;
    NpuBench bench(config);
    bench.start();
    const TensorOptions bf16 = format(TensorFormat::kBF16);
    const BenchTensor x = bench.tensor({4, 6, 9, 8}, bf16), w = bench.tensor({5, 6, 3, 3}, bf16);
    const BenchTensor dy = bench.tensor({4, 5, 9, 8}, bf16), y = bench.tensor({4, 5, 9, 8});
    const BenchTensor dx = bench.tensor({4, 6, 9, 8}), dw = bench.tensor({5, 6, 3, 3});
    bench.fill(x, noise(x.elements(), 1));
    bench.fill(w, noise(w.elements(), 2));
    bench.fill(dy, noise(dy.elements(), 3));
    Command command = command_of(Opcode::kCONV_FF);
    set_window(command, {.kh = 3, .kw = 3, .pad_h = 1, .pad_w = 1}, false);
    command.tile_k = tiles[0], command.tile_rows = tiles[1], command.tile_c = tiles[2], command.tile_n = tiles[3];
    command.tensor0 = x.descriptor_address, command.tensor1 = w.descriptor_address;
    command.tensor2 = y.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    command.opcode = static_cast<uint8_t>(Opcode::kCONV_BP);
    command.tensor0 = dy.descriptor_address, command.tensor2 = dx.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    command.opcode = static_cast<uint8_t>(Opcode::kCONV_WG);
    command.tensor0 = x.descriptor_address, command.tensor1 = dy.descriptor_address;
    command.tensor2 = dw.descriptor_address;
    REQUIRE(bench.execute(command) == ErrorCode::kNONE);
    return Run{bench.image(y), bench.image(dx), bench.image(dw)};
  };
  const Run wanted = run_with(1, {0, 0, 0, 0}, 1);
  CHECK((run_with(1, {1, 1, 1, 1}, 1) == wanted));
  CHECK((run_with(1, {2, 4, 3, 3}, 1) == wanted));
  CHECK((run_with(1, {0, 5, 5, 2}, 3) == wanted));
  const Run other = run_with(2, {0, 0, 0, 0}, 1);
  CHECK((other.y != wanted.y));
  CHECK((other.dx != wanted.dx));
  CHECK((other.dw != wanted.dw));
}

}  // namespace
}  // namespace backboard::npu
