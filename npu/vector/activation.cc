#include "npu/vector/activation.h"

#include "npu/numerics/elementary.h"
#include "npu/sgd/random_stream.h"
#include "npu/vector/canonical.h"
#include "npu/vector/runs.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

/// to = function(from), element by element.
template <class Function>
void map(const ConstTile& x, const Tile& y, const Function& function) {
  BB_CHECK(same_box(x, y), "tiles of an activation differ");
  for_each_run(
      [&](size_t n, size_t from, size_t to) {
        for (size_t i = 0; i < n; ++i) y.data[to + i] = canonical(function(x.data[from + i]));
      },
      x, ConstTile(y));
}

/// to = function(a, b), element by element.
template <class Function>
void map(const ConstTile& a, const ConstTile& b, const Tile& y, const Function& function) {
  BB_CHECK(same_box(a, y) && same_box(b, y), "tiles of an activation differ");
  for_each_run(
      [&](size_t n, size_t first, size_t second, size_t to) {
        for (size_t i = 0; i < n; ++i) y.data[to + i] = canonical(function(a.data[first + i], b.data[second + i]));
      },
      a, b, ConstTile(y));
}

}  // namespace

VectorFacts leaky_ff(const ConstTile& x, float slope, const Tile& y) {
  map(x, y, [slope](float v) { return v <= 0.0f ? slope * v : v; });
  return {.multiplies = x.elements(), .compares = x.elements()};
}

VectorFacts leaky_bp(const ConstTile& dy, const ConstTile& y, float slope, const Tile& dx) {
  map(dy, y, dx, [slope](float error, float v) { return v > 0.0f ? error : slope * error; });
  return {.multiplies = dy.elements(), .compares = dy.elements()};
}

VectorFacts sigmoid_ff(const ConstTile& x, const Tile& y) {
  map(x, y, [](float v) { return 1.0f / (1.0f + exp_f32(-v)); });
  return {.adds = x.elements(), .divides = x.elements(), .exponentials = x.elements()};
}

VectorFacts sigmoid_bp(const ConstTile& dy, const ConstTile& y, const Tile& dx) {
  map(dy, y, dx, [](float error, float v) { return error * (v * (1.0f - v)); });
  return {.adds = dy.elements(), .multiplies = 2 * dy.elements()};
}

VectorFacts tanh_ff(const ConstTile& x, const Tile& y) {
  map(x, y, [](float v) { return tanh_f32(v); });
  // tanh takes one exponential and one division.
  return {.divides = x.elements(), .exponentials = x.elements()};
}

VectorFacts tanh_bp(const ConstTile& dy, const ConstTile& y, const Tile& dx) {
  map(dy, y, dx, [](float error, float v) { return error * (1.0f - v * v); });
  return {.adds = dy.elements(), .multiplies = 2 * dy.elements()};
}

namespace {

/// What Phi(x) takes, as npu/numerics/elementary.cc has it: a polynomial of ten products, two exponentials, one
/// division.
VectorFacts cdf_facts(uint64_t elements) {
  return {.adds = 13 * elements, .multiplies = 17 * elements, .divides = elements, .exponentials = 2 * elements};
}

}  // namespace

VectorFacts gelu_ff(const ConstTile& x, const Tile& y) {
  map(x, y, [](float v) {
    const float share = normal_cdf_f32(v);
    return share == 0.0f ? 0.0f : v * share;
  });
  VectorFacts facts = cdf_facts(x.elements());
  facts.multiplies += x.elements();
  return facts;
}

VectorFacts gelu_bp(const ConstTile& dy, const ConstTile& x, const Tile& dx) {
  map(dy, x, dx, [](float error, float v) {
    const float share = normal_cdf_f32(v), density = normal_pdf_f32(v);
    return error * (density == 0.0f ? share : share + v * density);
  });
  // The exponentials of the density are those of the share.
  VectorFacts facts = cdf_facts(dy.elements());
  facts += {.adds = dy.elements(), .multiplies = 3 * dy.elements()};
  return facts;
}

VectorFacts dropout(const ConstTile& x, const DropoutStream& stream, uint32_t channels, uint32_t rows, const Tile& y) {
  BB_CHECK(same_box(x, y), "tiles of a dropout differ");
  constexpr uint32_t kWeyl = 0x9E3779B9u;
  const uint32_t key = stream.seed + (stream.layer + 1u) * kWeyl;
  const float limit = stream.rate * 0x1p24f;
  const float scale = 1.0f / (1.0f - stream.rate);
  for_each_row(x, [&](uint32_t n, uint32_t c, uint32_t h) {
    const float* from = x.row(n, c, h);
    float* to = y.row(n, c, h);
    const uint64_t first = ((uint64_t{n} * channels + c) * rows + h) * x.w;
    for (uint32_t i = 0; i < x.w; ++i) {
      const uint64_t bits = random_bits(key, stream.step, static_cast<uint32_t>(first + i));
      const bool keep = static_cast<float>(bits >> 40) >= limit;
      to[i] = keep ? canonical(from[i] * scale) : 0.0f;
    }
  });
  return {.multiplies = x.elements(), .compares = x.elements()};
}

}  // namespace backboard::npu
