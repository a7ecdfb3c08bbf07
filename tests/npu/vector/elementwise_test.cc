#include "npu/vector/elementwise.h"

#include <catch2/catch.hpp>

#include <cmath>

#include "tests/npu/vector/special_values.h"

using namespace backboard::npu;
using namespace backboard::test;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();
const float kOddNan = std::bit_cast<float>(0xffc01234u);

/// A tile of (n, c, h, w) with gaps between rows, channels and images; gaps hold 77.
struct Gapped {
  std::vector<float> storage;
  Tile tile;
  Gapped(uint32_t n, uint32_t c, uint32_t h, uint32_t w, const std::vector<float>& values) {
    const size_t row = w + 3, channel = row * h + 5, image = channel * c + 7;
    storage.assign(image * n, 77.0f);
    tile = {storage.data(), 0, 0, 0, n, c, h, w, image, channel, row};
    size_t i = 0;
    for (uint32_t a = 0; a < n; ++a)
      for (uint32_t b = 0; b < c; ++b)
        for (uint32_t r = 0; r < h; ++r)
          for (uint32_t k = 0; k < w; ++k) tile.row(a, b, r)[k] = values[i++];
  }
  std::vector<float> values() const {
    std::vector<float> out;
    for (uint32_t a = 0; a < tile.n; ++a)
      for (uint32_t b = 0; b < tile.c; ++b)
        for (uint32_t r = 0; r < tile.h; ++r) out.insert(out.end(), tile.row(a, b, r), tile.row(a, b, r) + tile.w);
    return out;
  }
  size_t untouched() const { return static_cast<size_t>(std::count(storage.begin(), storage.end(), 77.0f)); }
};

}  // namespace

TEST_CASE("ReLU passes positive values and NaN, stores +0 for the rest and one NaN pattern") {
  std::vector<float> x = {1.5f, -1.5f, 0.0f, -0.0f, kInf, -kInf, kOddNan};
  std::vector<float> y(x.size());
  const auto facts = relu_ff(dense_tensor(x.data(), 1, 1, 1, 7), dense_tensor(y.data(), 1, 1, 1, 7));
  CHECK(bytes_of(y) == std::vector<uint32_t>{0x3fc00000, 0, 0, 0, 0x7f800000, 0, 0x7fc00000});
  CHECK(facts == VectorFacts{.compares = 7});
}

TEST_CASE("a mask passes the error only where it is above zero") {
  const std::vector<float> mask = {1.0f, 1e-45f, 0.0f, -0.0f, -1.0f, kOddNan, kInf, 2.0f};
  std::vector<float> dy = {-3.0f, 4.0f, 5.0f, 6.0f, 7.0f, 8.0f, -0.0f, kOddNan};
  apply_mask(dense_tensor<const float>(dy.data(), 2, 2, 2, 1), dense_tensor<const float>(mask.data(), 2, 2, 2, 1),
             dense_tensor(dy.data(), 2, 2, 2, 1));
  CHECK(bytes_of(dy) == std::vector<uint32_t>{0xc0400000, 0x40800000, 0, 0, 0, 0, 0, 0x7fc00000});
}

TEST_CASE("a bias is added to every element of its channel, whatever the strides of the tile") {
  const uint32_t n = 2, c = 3, h = 4, w = 5;
  const auto x = awkward_values(n * c * h * w, 21);
  const std::vector<float> bias = {0.25f, -1.0f, 1e-3f};
  for (const bool relu : {false, true}) {
    std::vector<float> expected;
    for (size_t i = 0; i < x.size(); ++i) {
      float sum = x[i] + bias[i / (h * w) % c];
      if (relu && sum <= 0) sum = 0;
      expected.push_back(std::isnan(sum) ? std::bit_cast<float>(0x7fc00000u) : sum == 0 ? 0.0f : sum);
    }
    std::vector<float> dense = x;
    add_bias(dense_tensor<const float>(x.data(), n, c, h, w), bias, relu, dense_tensor(dense.data(), n, c, h, w));
    CHECK(bytes_of(dense) == bytes_of(expected));
    Gapped from(n, c, h, w, x), to(n, c, h, w, std::vector<float>(x.size()));
    const size_t gaps = to.untouched();
    add_bias(from.tile, bias, relu, to.tile);
    CHECK(bytes_of(to.values()) == bytes_of(expected));
    CHECK(to.untouched() == gaps);
    add_bias(from.tile, bias, relu, from.tile);  // in place
    CHECK(bytes_of(from.values()) == bytes_of(expected));
  }
}

TEST_CASE("a bias on the output of an FC layer is the same sum") {
  const auto x = awkward_values(3 * 37, 22), bias = awkward_values(37, 23, false);
  std::vector<float> y(x.size()), by_channel(x.size());
  add_bias(dense_tensor<const float>(x.data(), 3, 37, 1, 1), bias, false, dense_tensor(y.data(), 3, 37, 1, 1));
  for (uint32_t c = 0; c < 37; ++c) {
    TileView<const float> one{x.data() + c, 0, c, 0, 3, 1, 1, 1, 37, 99, 1};
    Tile out{by_channel.data() + c, 0, c, 0, 3, 1, 1, 1, 37, 99, 1};
    add_bias(one, std::span(bias).subspan(c, 1), false, out);
  }
  CHECK(bytes_of(y) == bytes_of(by_channel));
}

TEST_CASE("ReLU and masks work on tiles with gaps and leave the gaps alone") {
  const auto x = awkward_values(2 * 3 * 4 * 5, 31), m = awkward_values(2 * 3 * 4 * 5, 32);
  Gapped source(2, 3, 4, 5, x), mask(2, 3, 4, 5, m), out(2, 3, 4, 5, std::vector<float>(x.size()));
  const size_t gaps = out.untouched();
  std::vector<float> dense(x.size());
  relu_ff(source.tile, out.tile);
  relu_ff(dense_tensor(x.data(), 2, 3, 4, 5), dense_tensor(dense.data(), 2, 3, 4, 5));
  CHECK(bytes_of(out.values()) == bytes_of(dense));
  apply_mask(source.tile, mask.tile, out.tile);
  apply_mask(dense_tensor(x.data(), 2, 3, 4, 5), dense_tensor(m.data(), 2, 3, 4, 5),
             dense_tensor(dense.data(), 2, 3, 4, 5));
  CHECK(bytes_of(out.values()) == bytes_of(dense));
  CHECK(out.untouched() == gaps);
}

TEST_CASE("a bias gradient is the sum over (n, h, w) in order, and cuts into tiles do not change a bit") {
  const uint32_t n = 3, c = 11, h = 6, w = 7;
  const auto dy = rough_values(n * c * h * w, 41);
  std::vector<float> expected(c, 0.0f), backwards(c, 0.0f);
  for (uint32_t i = 0; i < n; ++i)
    for (uint32_t k = 0; k < c; ++k)
      for (uint32_t p = 0; p < h * w; ++p) {
        expected[k] = expected[k] + dy[(i * c + k) * h * w + p];
        backwards[k] = backwards[k] + dy[((n - 1 - i) * c + k) * h * w + (h * w - 1 - p)];
      }
  REQUIRE(expected != backwards);  // the values tell orders apart

  std::vector<float> whole(c, 0.0f);
  const auto facts = accumulate_bias_gradient(dense_tensor(dy.data(), n, c, h, w), h, whole);
  CHECK(bytes_of(whole) == bytes_of(expected));
  CHECK(facts == VectorFacts{.adds = n * c * h * w});

  for (const uint32_t rows : {1u, 2u, 4u, 6u}) {
    for (const uint32_t channels : {1u, 4u, 11u}) {
      std::vector<float> sums(c, 0.0f);
      for (uint32_t c0 = 0; c0 < c; c0 += channels)
        for (uint32_t i = 0; i < n; ++i)
          for (uint32_t h0 = 0; h0 < h; h0 += rows) {
            const uint32_t some = std::min(channels, c - c0), few = std::min(rows, h - h0);
            const ConstTile tile{
                dy.data() + ((i * c + c0) * h + h0) * w, i, c0, h0, 1, some, few, w, c * h * w, h * w, w};
            accumulate_bias_gradient(tile, h, std::span(sums).subspan(c0, some));
          }
      INFO(rows << " rows, " << channels << " channels");
      CHECK(bytes_of(sums) == bytes_of(expected));
    }
  }
}

TEST_CASE("the bias gradient of an FC layer adds the images in order") {
  const auto dy = rough_values(5 * 33, 42);
  std::vector<float> expected(33, 0.0f), sums(33, 0.0f), split(33, 0.0f);
  for (size_t i = 0; i < dy.size(); ++i) expected[i % 33] = expected[i % 33] + dy[i];
  accumulate_bias_gradient(dense_tensor(dy.data(), 5, 33, 1, 1), 1, sums);
  CHECK(bytes_of(sums) == bytes_of(expected));
  accumulate_bias_gradient(dense_tensor(dy.data(), 2, 33, 1, 1), 1, split);
  accumulate_bias_gradient(dense_tensor(dy.data() + 2 * 33, 3, 33, 1, 1), 1, split);
  CHECK(bytes_of(split) == bytes_of(expected));
}
