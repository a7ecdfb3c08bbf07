// Vector kernels of both engines against plain loops: every shape, every vector unit, every accumulator.
#include <catch2/catch.hpp>
#include <cstring>
#include <limits>

#include "npu/engine/lnpu/compute_tile.h"
#include "npu/engine/reference/compute_tile.h"
#include "tests/npu/engine/conv_cases.h"
#include "tests/support/simd_targets.h"

namespace backboard::npu {
namespace {

using test::ConvCase;

enum class Phase { kFf, kBp, kWg };
constexpr Phase kPhases[] = {Phase::kFf, Phase::kBp, Phase::kWg};

/// Which arithmetic a case runs with: lnpu with either accumulator, or reference.
enum class Kind { kLnpuFp32, kLnpuFp16, kReference };
constexpr Kind kKinds[] = {Kind::kLnpuFp32, Kind::kLnpuFp16, Kind::kReference};

lnpu::LnpuConfig config_of(Kind kind) {
  lnpu::LnpuConfig config;
  config.accumulator = kind == Kind::kLnpuFp16 ? Accumulator::kFp16 : Accumulator::kFp32;
  return config;
}

size_t outputs_of(const ConvTile& t, Phase phase) {
  if (phase == Phase::kFf) return size_t{t.n} * t.k * t.oh * t.ow;
  if (phase == Phase::kBp) return size_t{t.n} * t.c * t.h * t.w;
  return size_t{t.k} * t.c * t.kh * t.kw;
}

void run(Kind kind, Phase phase, const ConvTile& tile, const Operand& x, const Operand& w, const Operand& dy,
         float* acc, Facts& facts, Workspace& workspace) {
  const lnpu::LnpuConfig config = config_of(kind);
  if (kind == Kind::kReference) {
    if (phase == Phase::kFf) reference::ff_tile(tile, x, w, acc, facts, workspace);
    if (phase == Phase::kBp) reference::bp_tile(tile, dy, w, acc, facts, workspace);
    if (phase == Phase::kWg) reference::wg_tile(tile, x, dy, acc, facts, workspace);
  } else {
    if (phase == Phase::kFf) lnpu::ff_tile(config, tile, x, w, acc, facts, workspace);
    if (phase == Phase::kBp) lnpu::bp_tile(config, tile, dy, w, acc, facts, workspace);
    if (phase == Phase::kWg) lnpu::wg_tile(config, tile, x, dy, acc, facts, workspace);
  }
}

void run_scalar(Kind kind, Phase phase, const ConvCase& c, float* acc) {
  const Accumulator type = config_of(kind).accumulator;
  if (kind == Kind::kReference) {
    if (phase == Phase::kFf) reference::scalar::ff_tile(c.tile, c.x.data(), c.w.data(), acc);
    if (phase == Phase::kBp) reference::scalar::bp_tile(c.tile, c.dy.data(), c.w.data(), acc);
    if (phase == Phase::kWg) reference::scalar::wg_tile(c.tile, c.x.data(), c.dy.data(), acc);
  } else {
    if (phase == Phase::kFf) lnpu::scalar::ff_tile(type, c.tile, c.x.data(), c.w.data(), acc);
    if (phase == Phase::kBp) lnpu::scalar::bp_tile(type, c.tile, c.dy.data(), c.w.data(), acc);
    if (phase == Phase::kWg) lnpu::scalar::wg_tile(type, c.tile, c.x.data(), c.dy.data(), acc);
  }
}

/// Sums to start from: not all zero, values of FP16 so that both accumulators hold them.
std::vector<float> start_sums(size_t count, uint32_t seed) {
  std::mt19937 random(seed);
  std::vector<float> sums;
  std::vector<uint8_t> classes;
  test::fill_classes(random, 0.5, 1.0, 4.0f, sums, classes, count);
  return sums;
}

bool same_bytes(const std::vector<float>& a, const std::vector<float>& b) {
  return a.size() == b.size() && std::memcmp(a.data(), b.data(), a.size() * sizeof(float)) == 0;
}

/// Equal bytes, but for the payload of NaN.
bool same_values(const std::vector<float>& a, const std::vector<float>& b) {
  for (size_t i = 0; i < a.size(); ++i) {
    const bool both_nan = a[i] != a[i] && b[i] != b[i];
    if (!both_nan && std::memcmp(&a[i], &b[i], sizeof(float)) != 0) return false;
  }
  return true;
}

/// FF whose sums begin with it, in memory that holds NaN.
std::vector<float> fresh_ff(Kind kind, const ConvCase& c) {
  ConvTile tile = c.tile;
  tile.fresh = true;
  std::vector<float> sums(tile.outputs(), std::numeric_limits<float>::quiet_NaN());
  Facts facts;
  Workspace workspace;
  run(kind, Phase::kFf, tile, c.x_operand(), c.w_operand(), {}, sums.data(), facts, workspace);
  return sums;
}

void check_shape(Kind kind, const ConvTile& tile, uint32_t seed) {
  const ConvCase c = test::make_case(tile, seed, 0.4, 0.3, kind == Kind::kReference ? 1.1f : 1.0f);
  for (const Phase phase : kPhases) {
    const std::vector<float> start = start_sums(outputs_of(tile, phase), seed);
    std::vector<float> expected = start;
    run_scalar(kind, phase, c, expected.data());
    backboard::test::for_each_simd_target([&](const char* target) {
      std::vector<float> sums = start;
      Facts facts;
      Workspace workspace;
      run(kind, phase, tile, c.x_operand(), c.w_operand(), c.dy_operand(), sums.data(), facts, workspace);
      INFO(test::describe(tile) << " phase " << static_cast<int>(phase) << " on " << target);
      CHECK(same_bytes(sums, expected));
    });
  }
  std::vector<float> expected(tile.outputs(), 0.0f);
  run_scalar(kind, Phase::kFf, c, expected.data());
  backboard::test::for_each_simd_target([&](const char* target) {
    INFO(test::describe(tile) << ", fresh, on " << target);
    CHECK(same_bytes(fresh_ff(kind, c), expected));
  });
}

TEST_CASE("lnpu with binary32 sums equals plain loops on every shape and vector unit") {
  uint32_t seed = 1;
  for (const ConvTile& tile : test::shapes()) check_shape(Kind::kLnpuFp32, tile, seed++);
}

TEST_CASE("lnpu with FP16 sums equals plain loops on every shape and vector unit") {
  uint32_t seed = 100;
  for (const ConvTile& tile : test::shapes()) check_shape(Kind::kLnpuFp16, tile, seed++);
}

TEST_CASE("reference equals plain loops on every shape and vector unit") {
  uint32_t seed = 200;
  for (const ConvTile& tile : test::shapes()) check_shape(Kind::kReference, tile, seed++);
}

TEST_CASE("A zero times an infinity or NaN adds nothing, on every vector unit") {
  for (const Kind kind : kKinds) {
    for (const ConvTile& tile :
         {ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1), ConvTile::whole(2, 1, 7, 10, 9, 3, 3, 1, 1),
          ConvTile::whole(1, 5, 13, 9, 33, 3, 3, 2, 1), ConvTile::whole(2, 1, 15, 29, 1, 3, 3, 2, 1),
          ConvTile::fully_connected(7, 13, 101)}) {
      ConvCase c = test::make_case(tile, 7);
      const float infinity = std::numeric_limits<float>::infinity();
      const float nan = std::numeric_limits<float>::quiet_NaN();
      // One infinity and one NaN in each operand, and zeros enough that they meet them.
      for (auto* values : {&c.x, &c.w, &c.dy}) {
        (*values)[values->size() / 3] = infinity;
        (*values)[values->size() / 2] = nan;
      }
      for (size_t i = 0; i < c.w.size(); i += 2) {
        if (c.w[i] == c.w[i] && c.w[i] < infinity) c.w[i] = 0, c.w_classes[i] = kClassZero;
      }
      for (const Phase phase : kPhases) {
        const std::vector<float> start = start_sums(outputs_of(tile, phase), 3);
        std::vector<float> expected = start;
        run_scalar(kind, phase, c, expected.data());
        size_t finite = 0;
        for (const float value : expected) finite += value - value == 0;
        CHECK(finite > 0);
        CHECK(finite < expected.size());
        backboard::test::for_each_simd_target([&](const char* target) {
          std::vector<float> sums = start;
          Facts facts;
          Workspace workspace;
          run(kind, phase, tile, c.x_operand(), c.w_operand(), c.dy_operand(), sums.data(), facts, workspace);
          INFO(test::describe(tile) << " kind " << static_cast<int>(kind) << " phase " << static_cast<int>(phase)
                                    << " on " << target);
          CHECK(same_values(sums, expected));
        });
      }
      std::vector<float> expected(tile.outputs(), 0.0f);
      run_scalar(kind, Phase::kFf, c, expected.data());
      backboard::test::for_each_simd_target([&](const char* target) {
        INFO(test::describe(tile) << " kind " << static_cast<int>(kind) << ", fresh, on " << target);
        CHECK(same_values(fresh_ff(kind, c), expected));
      });
    }
  }
}

TEST_CASE("Kernels that list errors equal plain loops however many of them are zero, on every vector unit") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  uint32_t seed = 500;
  // FC: one row and column, net S, more columns than whole vectors hold, more errors than are listed at a time.
  // One or two input channels: net S, rows that are no whole vectors, channels that are no whole group, no padding.
  for (const ConvTile& tile :
       {ConvTile::fully_connected(1, 1, 1), ConvTile::fully_connected(64, 64, 10),
        ConvTile::fully_connected(16, 64, 10), ConvTile::fully_connected(5, 255, 13),
        ConvTile::fully_connected(40, 37, 500), ConvTile::fully_connected(31, 131, 1),
        ConvTile::whole(2, 1, 28, 28, 8, 3, 3, 1, 1), ConvTile::whole(3, 2, 7, 9, 5, 3, 3, 1, 1),
        ConvTile::whole(1, 1, 9, 37, 11, 3, 3, 1, 0), ConvTile::whole(2, 2, 15, 22, 7, 3, 3, 2, 1)}) {
    for (const double error_zeros : {0.0, 0.5, 0.75, 0.95, 1.0}) {
      for (const bool finite : {true, false}) {
        for (const Kind kind : kKinds) {
          ConvCase c = test::make_case(tile, ++seed, 0.4, 0.3, kind == Kind::kReference ? 1.1f : 1.0f, error_zeros);
          if (!finite) {
            for (auto* values : {&c.x, &c.w}) {
              (*values)[values->size() / 3] = infinity;
              (*values)[values->size() / 2] = nan;
            }
          }
          for (const Phase phase : kPhases) {
            const std::vector<float> start = start_sums(outputs_of(tile, phase), seed);
            std::vector<float> expected = start;
            run_scalar(kind, phase, c, expected.data());
            backboard::test::for_each_simd_target([&](const char* target) {
              std::vector<float> sums = start;
              Facts facts;
              Workspace workspace;
              run(kind, phase, tile, c.x_operand(), c.w_operand(), c.dy_operand(), sums.data(), facts, workspace);
              INFO(test::describe(tile) << " kind " << static_cast<int>(kind) << " phase " << static_cast<int>(phase)
                                        << " zeros " << error_zeros << " on " << target);
              CHECK((finite ? same_bytes(sums, expected) : same_values(sums, expected)));
            });
          }
        }
      }
    }
  }
}

/// Checks FF of an FC layer on every vector unit, and that it touches no sums but its own.
void check_fully_connected_ff(Kind kind, const ConvCase& c, bool zero_sums, uint32_t seed) {
  constexpr size_t kBehind = 16;
  const ConvTile& t = c.tile;
  std::vector<float> start = start_sums(t.n * t.y_stride_n + kBehind, seed);
  if (zero_sums) std::fill(start.begin(), start.end(), 0.0f);
  std::vector<float> expected = start;
  run_scalar(kind, Phase::kFf, c, expected.data());
  backboard::test::for_each_simd_target([&](const char* target) {
    std::vector<float> sums = start;
    Facts facts;
    Workspace workspace;
    run(kind, Phase::kFf, t, c.x_operand(), c.w_operand(), c.dy_operand(), sums.data(), facts, workspace);
    INFO(test::describe(t) << " kind " << static_cast<int>(kind) << " seed " << seed << " on " << target);
    CHECK(same_values(sums, expected));
  });
}

TEST_CASE("FF of FC layers equals plain loops around the sizes of vectors, on every vector unit") {
  uint32_t seed = 700;
  for (const uint32_t images : {1, 7, 8, 9, 15, 16, 17, 31, 33, 64}) {
    for (const uint32_t outputs : {1, 3, 4, 5, 8, 9, 10, 11, 12, 13, 16, 17}) {
      for (const uint32_t inputs : {1, 3, 63, 64, 65}) {
        const Kind kind = kKinds[++seed % std::size(kKinds)];
        // Rows that follow each other and rows that do not.
        const uint32_t pads = seed % 2 * 3;
        ConvCase c = test::make_case(ConvTile::fully_connected(images, inputs + pads, outputs), seed, 0.4, 0.3,
                                     kind == Kind::kReference ? 1.1f : 1.0f);
        c.tile.c = inputs;
        c.tile.y_stride_n += pads;
        check_fully_connected_ff(kind, c, seed % 5 == 0, seed);
      }
    }
  }
}

TEST_CASE("FF of FC layers with few outputs leaves out zeros that meet an infinity or NaN, on every vector unit") {
  const float infinity = std::numeric_limits<float>::infinity(), nan = std::numeric_limits<float>::quiet_NaN();
  uint32_t seed = 800;
  for (const Kind kind : kKinds) {
    for (const uint32_t images : {8, 9, 17, 31, 33, 64}) {
      for (const uint32_t outputs : {4, 10, 13}) {
        const ConvTile tile = ConvTile::fully_connected(images, 37, outputs);
        // In the first vector of images, among the last images, and in the weights.
        for (const uint32_t at : {uint32_t{0}, images - 1, images}) {
          ConvCase c = test::make_case(tile, ++seed);
          std::vector<float>& values = at < images ? c.x : c.w;
          const size_t row = at < images ? at * tile.x_stride_n : 2 * tile.w_stride_k;
          values[row + 5] = seed % 2 == 0 ? infinity : nan;
          std::vector<float>& others = at < images ? c.w : c.x;
          const size_t pitch = at < images ? tile.w_stride_k : tile.x_stride_n;
          // Half of the products with it have a zero.
          for (size_t i = 5; i < others.size(); i += 2 * pitch) others[i] = 0;
          check_fully_connected_ff(kind, c, seed % 3 == 0, seed);
        }
      }
    }
  }
}

TEST_CASE("FF of FC layers overflows like plain loops, on every vector unit") {
  ConvCase c = test::make_case(ConvTile::fully_connected(25, 20, 10), 900);
  // The sums of one of the last images overflow.
  std::fill_n(c.x.begin() + 23 * 20, 20, 3e38f);
  std::fill_n(c.w.begin(), 20, 1.5f);
  check_fully_connected_ff(Kind::kReference, c, false, 901);
}

/// The part of a tile with some of its channels, images or rows, over the same arrays.
struct Part {
  ConvTile tile;
  size_t x = 0, w = 0, y = 0;  ///< first elements
};

Part part_of(const ConvTile& whole, uint32_t n0, uint32_t n, uint32_t c0, uint32_t c, uint32_t k0, uint32_t k) {
  Part part{whole, n0 * whole.x_stride_n + c0 * whole.x_stride_c, k0 * whole.w_stride_k + c0 * whole.w_stride_c,
            n0 * whole.y_stride_n + k0 * whole.y_stride_k};
  part.tile.n = n;
  part.tile.c = c;
  part.tile.k = k;
  return part;
}

uint32_t cut(std::mt19937& random, uint32_t left) {
  return 1 + random() % left;
}

/// Runs a phase in random parts of images, channels and rows, reductions in their order.
void run_in_parts(Kind kind, Phase phase, const ConvCase& c, std::vector<float>& sums, Facts& facts,
                  std::mt19937& random, Workspace& workspace) {
  const ConvTile& t = c.tile;
  for (uint32_t n0 = 0, n; n0 < t.n; n0 += n) {
    n = cut(random, t.n - n0);
    for (uint32_t k0 = 0, k; k0 < t.k; k0 += k) {
      k = cut(random, t.k - k0);
      for (uint32_t c0 = 0, cs; c0 < t.c; c0 += cs) {
        cs = cut(random, t.c - c0);
        Part part = part_of(t, n0, n, c0, cs, k0, k);
        const uint32_t all_rows = phase == Phase::kBp ? t.h : t.oh;
        for (uint32_t row0 = 0, rows; row0 < all_rows; row0 += rows) {
          // WG sums over (n, oh, ow): parts of several images must have all their rows.
          rows = phase == Phase::kWg && n > 1 ? all_rows : cut(random, all_rows - row0);
          ConvTile tile = part.tile;
          size_t x = part.x, y = part.y;
          if (phase == Phase::kBp) {
            const RowRange held = output_rows_of(t, row0, rows);
            tile.ih0 = row0, tile.ih_rows = rows;
            tile.oh0 = held.first, tile.oh_rows = held.rows;
          } else {
            const RowRange held = input_rows_of(t, row0, rows);
            tile.oh0 = row0, tile.oh_rows = rows;
            tile.ih0 = held.first, tile.ih_rows = held.rows;
          }
          x += size_t{tile.ih0} * t.w;
          y += size_t{tile.oh0} * t.ow;
          const Operand xs{c.x.data() + x, c.x_classes.data() + x},
              ws{c.w.data() + part.w, c.w_classes.data() + part.w};
          const Operand ys{c.dy.data() + y, c.dy_classes.data() + y};
          const size_t out = phase == Phase::kFf ? y : phase == Phase::kBp ? x : part.w;
          run(kind, phase, tile, xs, ws, ys, sums.data() + out, facts, workspace);
        }
      }
    }
  }
}

TEST_CASE("Results and class counts do not depend on how a convolution is cut into tiles") {
  std::mt19937 random(11);
  Workspace workspace;
  uint32_t seed = 300;
  for (const ConvTile& tile : test::shapes()) {
    if (tile.oh0 + tile.oh_rows > 200) continue;
    const ConvCase c = test::make_case(tile, seed++);
    for (const Kind kind : kKinds) {
      for (const Phase phase : kPhases) {
        const std::vector<float> start = start_sums(outputs_of(tile, phase), seed);
        std::vector<float> expected = start;
        Facts whole;
        run(kind, phase, tile, c.x_operand(), c.w_operand(), c.dy_operand(), expected.data(), whole, workspace);
        for (int repeat = 0; repeat < 3; ++repeat) {
          std::vector<float> sums = start;
          Facts parts;
          run_in_parts(kind, phase, c, sums, parts, random, workspace);
          INFO(test::describe(tile) << " kind " << static_cast<int>(kind) << " phase " << static_cast<int>(phase));
          CHECK(same_bytes(sums, expected));
          CHECK(parts.macs == whole.macs);
          CHECK(parts.macs_padding == whole.macs_padding);
          CHECK(parts.macs_skipped == whole.macs_skipped);
          CHECK(parts.macs_by_class == whole.macs_by_class);
        }
      }
    }
  }
}

TEST_CASE("FF, BP and WG of one convolution have the same products") {
  for (const ConvTile& tile : test::shapes()) {
    const ConvCase c = test::make_case(tile, 5);
    Workspace workspace;
    uint64_t macs[3] = {};
    for (const Phase phase : kPhases) {
      std::vector<float> sums(outputs_of(tile, phase));
      Facts facts;
      run(Kind::kLnpuFp32, phase, tile, c.x_operand(), c.w_operand(), c.dy_operand(), sums.data(), facts, workspace);
      macs[static_cast<int>(phase)] = facts.macs;
    }
    CHECK(macs[0] == macs[1]);
    CHECK(macs[0] == macs[2]);
  }
}

}  // namespace
}  // namespace backboard::npu
