// Pooling against a definition that walks over every tap of every window, and against itself cut into tiles.
#include "npu/vector/pooling.h"

#include <algorithm>
#include <catch2/catch.hpp>

#include <cmath>
#include <string>

#include "tests/npu/vector/special_values.h"

using namespace backboard::npu;
using namespace backboard::test;

namespace {

constexpr uint32_t kImages = 2, kChannels = 3;
constexpr size_t kPlanes = kImages * kChannels;

struct Case {
  PoolShape shape;
  std::string name() const {
    return "kernel " + std::to_string(shape.kernel_h) + "x" + std::to_string(shape.kernel_w) + " stride " +
           std::to_string(shape.stride_h) + "x" + std::to_string(shape.stride_w) + " pad " +
           std::to_string(shape.pad_h) + "x" + std::to_string(shape.pad_w) + " on " + std::to_string(shape.input_h) +
           "x" + std::to_string(shape.input_w) + (shape.ceil ? " ceil" : "") + (shape.exclude_pad ? " exclude" : "");
  }
};

/// Every shape of a small family that is valid, wide rows for the vectors and kernels larger than the input included.
std::vector<Case> cases() {
  std::vector<Case> all;
  const uint32_t sizes[][2] = {{1, 1}, {3, 2}, {6, 5}, {7, 35}};
  for (const auto& size : sizes)
    for (const uint32_t kh : {1u, 2u, 3u})
      for (const uint32_t kw : {1u, 2u, 3u, 4u})
        for (const uint32_t stride : {1u, 2u, 3u, 4u})
          for (const uint32_t pad : {0u, 1u, 2u})
            for (const bool ceil : {false, true}) {
              const Case c{{kh, kw, stride, stride == 4 ? 1 : stride, std::min(pad, kh - 1), std::min(pad, kw - 1),
                            size[0], size[1], false, ceil}};
              if (c.shape.valid()) all.push_back(c);
            }
  return all;
}

/// Calls visit(output place, input place or -1, kh * kernel_w + kw) for all taps of one plane in order.
template <class Visit>
void for_each_tap(const PoolShape& s, const Visit& visit) {
  for (uint32_t oh = 0; oh < s.output_h(); ++oh)
    for (uint32_t ow = 0; ow < s.output_w(); ++ow)
      for (uint32_t kh = 0; kh < s.kernel_h; ++kh)
        for (uint32_t kw = 0; kw < s.kernel_w; ++kw) {
          const long h = static_cast<long>(oh * s.stride_h + kh) - static_cast<long>(s.pad_h);
          const long w = static_cast<long>(ow * s.stride_w + kw) - static_cast<long>(s.pad_w);
          const bool inside = h >= 0 && w >= 0 && h < static_cast<long>(s.input_h) && w < static_cast<long>(s.input_w);
          visit(oh * s.output_w() + ow, inside ? h * static_cast<long>(s.input_w) + w : -1L, kh * s.kernel_w + kw);
        }
}

float stored(float x) {
  return std::isnan(x) ? std::bit_cast<float>(0x7fc00000u) : x == 0.0f ? 0.0f : x;
}

struct Sizes {
  size_t in, out;
  explicit Sizes(const PoolShape& s) : in(size_t{s.input_h} * s.input_w), out(size_t{s.output_h()} * s.output_w()) {}
};

struct Maxima {
  std::vector<float> y;
  std::vector<uint8_t> index;
};

Maxima define_maxima(const PoolShape& s, const std::vector<float>& x) {
  const Sizes size(s);
  Maxima m{std::vector<float>(kPlanes * size.out), std::vector<uint8_t>(kPlanes * size.out)};
  for (size_t p = 0; p < kPlanes; ++p) {
    std::vector<bool> seen(size.out);
    for_each_tap(s, [&](size_t out, long in, uint32_t tap) {
      if (in < 0) return;
      const float value = x[p * size.in + static_cast<size_t>(in)];
      float& best = m.y[p * size.out + out];
      const bool wins = !seen[out] || (!std::isnan(best) && (std::isnan(value) || value > best));
      seen[out] = true;
      if (!wins) return;
      best = value;
      m.index[p * size.out + out] = static_cast<uint8_t>(tap);
    });
  }
  for (float& value : m.y) value = stored(value);
  return m;
}

/// Rows [h0, h0 + count) of planes of `rows` x `w`, as a tile over the whole tensor's memory.
template <class T>
TileView<T> rows_of(std::vector<std::remove_const_t<T>>& v, uint32_t rows, uint32_t w, PoolRows range) {
  const size_t plane = size_t{rows} * w;
  return {v.data() + size_t{range.first} * w,
          0,
          0,
          range.first,
          kImages,
          kChannels,
          range.count,
          w,
          plane * kChannels,
          plane,
          w};
}

}  // namespace

TEST_CASE("max pooling equals its definition in value and index, whole and in tiles of every number of rows") {
  for (const Case& c : cases()) {
    INFO(c.name());
    const PoolShape& s = c.shape;
    const Sizes size(s);
    auto x = awkward_values(kPlanes * size.in, s.kernel_h * 100 + s.kernel_w * 10 + s.stride_h);
    const Maxima expected = define_maxima(s, x);
    for (uint32_t rows = 1; rows <= s.output_h(); ++rows) {
      std::vector<float> y(expected.y.size(), 99.0f);
      std::vector<uint8_t> index(y.size(), 99);
      VectorFacts facts;
      for (uint32_t h0 = 0; h0 < s.output_h(); h0 += rows) {
        const PoolRows tile{h0, std::min(rows, s.output_h() - h0)};
        facts += max_pool_ff(s, rows_of<const float>(x, s.input_h, s.input_w, s.input_rows(tile)),
                             rows_of<float>(y, s.output_h(), s.output_w(), tile),
                             rows_of<uint8_t>(index, s.output_h(), s.output_w(), tile));
      }
      REQUIRE(bytes_of(y) == bytes_of(expected.y));
      REQUIRE(index == expected.index);
      REQUIRE(facts == VectorFacts{.compares = y.size() * s.kernel_h * s.kernel_w});
    }
  }
}

TEST_CASE("max pooling backward adds overlapping errors in (oh, ow) order, whole and in tiles") {
  bool order_matters = false;
  for (const Case& c : cases()) {
    INFO(c.name());
    const PoolShape& s = c.shape;
    const Sizes size(s);
    auto x = awkward_values(kPlanes * size.in, 7, false);
    Maxima m = define_maxima(s, x);
    auto dy = rough_values(m.y.size(), 8), mask = awkward_values(m.y.size(), 9);
    for (const bool masked : {false, true}) {
      std::vector<float> expected(x.size(), 0.0f), reversed(x.size(), 0.0f);
      for (size_t p = 0; p < kPlanes; ++p) {
        std::vector<std::pair<size_t, size_t>> hits;  // output, input
        for_each_tap(s, [&](size_t out, long in, uint32_t tap) {
          const size_t o = p * size.out + out;
          if (tap == m.index[o] && (!masked || mask[o] > 0))
            hits.emplace_back(o, p * size.in + static_cast<size_t>(in));
        });
        for (const auto& [o, i] : hits) expected[i] = expected[i] + dy[o];
        for (auto hit = hits.rbegin(); hit != hits.rend(); ++hit)
          reversed[hit->second] = reversed[hit->second] + dy[hit->first];
      }
      order_matters |= expected != reversed;
      for (uint32_t rows = 1; rows <= s.input_h; ++rows) {
        std::vector<float> dx(x.size(), 99.0f);
        uint64_t adds = 0;
        for (uint32_t h0 = 0; h0 < s.input_h; h0 += rows) {
          const PoolRows tile{h0, std::min(rows, s.input_h - h0)}, from = s.output_rows(tile);
          const auto result =
              max_pool_bp(s, rows_of<const float>(dy, s.output_h(), s.output_w(), from),
                          rows_of<const uint8_t>(m.index, s.output_h(), s.output_w(), from),
                          rows_of<float>(dx, s.input_h, s.input_w, tile),
                          masked ? rows_of<const float>(mask, s.output_h(), s.output_w(), from) : ConstTile{});
          REQUIRE(result.bad_indices == 0);
          adds += result.facts.adds;
        }
        REQUIRE(bytes_of(dx) == bytes_of(expected));
        if (!masked) REQUIRE(adds == dy.size());
      }
    }
  }
  CHECK(order_matters);
}

TEST_CASE("an index that names no input element is dropped and counted") {
  const PoolShape s{
      .kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2, .pad_h = 1, .pad_w = 1, .input_h = 2, .input_w = 2};
  REQUIRE(s.output_h() == 2);
  const std::vector<float> dy = {1, 2, 3, 4};
  // Window (0, 0) has only tap 3 inside; 0 is padding, 4 and 255 are beyond the kernel.
  const std::vector<uint8_t> index = {0, 4, 255, 0};
  std::vector<float> dx(4, 9.0f);
  const auto result = max_pool_bp(s, dense_tensor(dy.data(), 1, 1, 2, 2), dense_tensor(index.data(), 1, 1, 2, 2),
                                  dense_tensor(dx.data(), 1, 1, 2, 2));
  CHECK(result.bad_indices == 3);
  CHECK(dx == std::vector<float>{0, 0, 0, 4});
}

TEST_CASE("the first of equal maxima wins, signed zeros are equal, the first NaN beats everything") {
  const PoolShape s{.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2, .input_h = 2, .input_w = 8};
  const float inf = std::numeric_limits<float>::infinity(), nan = std::bit_cast<float>(0xffc01234u);
  const std::vector<float> x = {1, 3, -0.0f, -5, nan, inf, -2, -2,  //
                                3, 2, 0.0f,  -5, 1,   nan, -2, -2};
  std::vector<float> y(4);
  std::vector<uint8_t> index(4);
  max_pool_ff(s, dense_tensor(x.data(), 1, 1, 2, 8), dense_tensor(y.data(), 1, 1, 1, 4),
              dense_tensor(index.data(), 1, 1, 1, 4));
  CHECK(bytes_of(y) == std::vector<uint32_t>{0x40400000, 0, 0x7fc00000, 0xc0000000});
  CHECK(index == std::vector<uint8_t>{1, 0, 0, 0});
}

/// The divisor of each window, found by walking over its elements.
std::vector<float> define_factors(const PoolShape& s) {
  std::vector<uint32_t> elements(Sizes(s).out, 0);
  for (uint32_t oh = 0; oh < s.output_h(); ++oh)
    for (uint32_t ow = 0; ow < s.output_w(); ++ow)
      for (uint32_t kh = 0; kh < s.kernel_h; ++kh)
        for (uint32_t kw = 0; kw < s.kernel_w; ++kw) {
          const uint32_t h = oh * s.stride_h + kh, w = ow * s.stride_w + kw;  // in the padded input
          const bool in_padded = h < s.input_h + 2 * s.pad_h && w < s.input_w + 2 * s.pad_w;
          const bool in_input = h >= s.pad_h && h < s.input_h + s.pad_h && w >= s.pad_w && w < s.input_w + s.pad_w;
          elements[oh * s.output_w() + ow] += s.exclude_pad ? in_input : in_padded;
        }
  std::vector<float> factors;
  for (const uint32_t count : elements) factors.push_back(1.0f / static_cast<float>(count));
  return factors;
}

/// Every case, with padding in the divisor and without.
std::vector<Case> average_cases() {
  std::vector<Case> all = cases();
  const size_t count = all.size();
  for (size_t i = 0; i < count; ++i) all.emplace_back(all[i]).shape.exclude_pad = true;
  return all;
}

TEST_CASE(
    "average pooling sums in (kh, kw) order over its divisor, padding counted or left out, and backward mirrors it") {
  size_t several = 0;
  for (const Case& c : average_cases()) {
    INFO(c.name());
    const PoolShape& s = c.shape;
    const Sizes size(s);
    auto x = rough_values(kPlanes * size.in, 17), dy = rough_values(kPlanes * size.out, 18);
    const float factor = 1.0f / static_cast<float>(s.kernel_h * s.kernel_w);
    const std::vector<float> factors = define_factors(s);
    const bool shared = std::all_of(factors.begin(), factors.end(), [&](float f) { return f == factor; });
    several += !shared;
    CHECK(s.one_divisor() == shared);
    std::vector<float> expected_y(dy.size(), 0.0f), expected_dx(x.size(), 0.0f);
    for (size_t p = 0; p < kPlanes; ++p)
      for_each_tap(s, [&](size_t out, long in, uint32_t) {
        if (in < 0) return;
        float& sum = expected_y[p * size.out + out];
        sum = sum + x[p * size.in + static_cast<size_t>(in)];
        float& error = expected_dx[p * size.in + static_cast<size_t>(in)];
        const float share = dy[p * size.out + out] * (shared ? 1.0f : factors[out]);
        error = error + share;
      });
    for (size_t i = 0; i < expected_y.size(); ++i) expected_y[i] = stored(expected_y[i] * factors[i % size.out]);
    for (float& value : expected_dx) value = stored(value * (shared ? factor : 1.0f));
    for (uint32_t rows = 1; rows <= s.output_h(); ++rows) {
      std::vector<float> y(dy.size(), 99.0f);
      for (uint32_t h0 = 0; h0 < s.output_h(); h0 += rows) {
        const PoolRows tile{h0, std::min(rows, s.output_h() - h0)};
        average_pool_ff(s, rows_of<const float>(x, s.input_h, s.input_w, s.input_rows(tile)),
                        rows_of<float>(y, s.output_h(), s.output_w(), tile));
      }
      REQUIRE(bytes_of(y) == bytes_of(expected_y));
    }
    for (uint32_t rows = 1; rows <= s.input_h; ++rows) {
      std::vector<float> dx(x.size(), 99.0f);
      for (uint32_t h0 = 0; h0 < s.input_h; h0 += rows) {
        const PoolRows tile{h0, std::min(rows, s.input_h - h0)};
        average_pool_bp(s, rows_of<const float>(dy, s.output_h(), s.output_w(), s.output_rows(tile)),
                        rows_of<float>(dx, s.input_h, s.input_w, tile));
      }
      REQUIRE(bytes_of(dx) == bytes_of(expected_dx));
    }
  }
  CHECK(several > 100);
}

TEST_CASE("global pooling sums over (h, w) in order through any tiles and shares the error equally") {
  const uint32_t n = 2, c = 10, h = 5, w = 6;
  const auto x = rough_values(n * c * h * w, 27), dy = rough_values(n * c, 28);
  std::vector<float> expected(n * c, 0.0f);
  for (size_t i = 0; i < x.size(); ++i) expected[i / (h * w)] = expected[i / (h * w)] + x[i];
  for (float& value : expected) value = value * (1.0f / 30.0f);
  for (const uint32_t rows : {1u, 2u, 3u, 5u}) {
    std::vector<float> sums(n * c, 0.0f), y(n * c);
    for (uint32_t h0 = 0; h0 < h; h0 += rows)
      global_pool_accumulate({x.data() + h0 * w, 0, 0, h0, n, c, std::min(rows, h - h0), w, c * h * w, h * w, w}, sums);
    global_pool_finish(sums, h * w, dense_tensor(y.data(), n, c, 1, 1));
    CHECK(bytes_of(y) == bytes_of(expected));
  }
  std::vector<float> dx(x.size());
  global_pool_bp(dense_tensor(dy.data(), n, c, 1, 1), h * w, dense_tensor(dx.data(), n, c, h, w));
  for (size_t i = 0; i < dx.size(); ++i) REQUIRE(dx[i] == dy[i / (h * w)] * (1.0f / 30.0f));
}

TEST_CASE("the rows that a tile needs are those that its windows touch, and no more") {
  for (const Case& c : cases()) {
    INFO(c.name());
    const PoolShape& s = c.shape;
    for (uint32_t first = 0; first < s.output_h(); ++first)
      for (uint32_t count = 1; first + count <= s.output_h(); ++count) {
        long low = 1000, high = -1;
        for (uint32_t oh = first; oh < first + count; ++oh)
          for (uint32_t kh = 0; kh < s.kernel_h; ++kh) {
            const long row = static_cast<long>(oh * s.stride_h + kh) - static_cast<long>(s.pad_h);
            if (row < 0 || row >= static_cast<long>(s.input_h)) continue;
            low = std::min(low, row);
            high = std::max(high, row);
          }
        const PoolRows expected{static_cast<uint32_t>(low), static_cast<uint32_t>(high - low + 1)};
        REQUIRE(s.input_rows({first, count}) == expected);
      }
    for (uint32_t first = 0; first < s.input_h; ++first)
      for (uint32_t count = 1; first + count <= s.input_h; ++count) {
        std::vector<uint32_t> touching;
        for (uint32_t oh = 0; oh < s.output_h(); ++oh) {
          const PoolRows rows = s.input_rows({oh, 1});
          if (rows.first < first + count && rows.first + rows.count > first) touching.push_back(oh);
        }
        const PoolRows actual = s.output_rows({first, count});
        REQUIRE(actual.count == touching.size());
        if (!touching.empty()) REQUIRE(actual.first == touching.front());
      }
  }
}

TEST_CASE("shapes with empty kernels, padding as large as the kernel or no window are not valid") {
  const PoolShape good{.kernel_h = 2, .kernel_w = 2, .stride_h = 2, .stride_w = 2, .input_h = 4, .input_w = 4};
  CHECK(good.valid());
  for (uint32_t PoolShape::*member : {&PoolShape::kernel_h, &PoolShape::kernel_w, &PoolShape::stride_h,
                                      &PoolShape::stride_w, &PoolShape::input_h, &PoolShape::input_w}) {
    PoolShape bad = good;
    bad.*member = 0;
    CHECK_FALSE(bad.valid());
  }
  for (uint32_t PoolShape::*member : {&PoolShape::pad_h, &PoolShape::pad_w}) {
    PoolShape bad = good;
    bad.*member = 2;
    CHECK_FALSE(bad.valid());
  }
  PoolShape large = good;
  large.kernel_h = 5;
  CHECK_FALSE(large.valid());
  large.pad_h = 1;
  CHECK(large.valid());
  CHECK_FALSE(PoolShape{.kernel_h = 32, .kernel_w = 9, .input_h = 99, .input_w = 99}.index_fits());
}
