#include "sw/pack/distort.h"

#include <catch2/catch.hpp>
#include <cmath>

#include "sw/random/counter_stream.h"

using namespace backboard;

namespace {

std::vector<uint8_t> resize(const std::vector<int>& pixels, ImageShape from, uint32_t h, uint32_t w, double full) {
  return resize_to_bytes(from, {from.c, h, w}, full, [&](uint32_t c, uint32_t y, uint32_t x) {
    return pixels[(size_t{c} * from.h + y) * from.w + x];
  });
}

}  // namespace

TEST_CASE("resizing to the same size only scales, half up") {
  // 255 * 1 / 16 = 15.94, 255 * 8 / 16 = 127.5 (up), 255 * 16 / 16 = 255, beyond full scale is held.
  CHECK(resize({1, 8, 16, 17}, {1, 2, 2}, 2, 2, 16) == std::vector<uint8_t>{16, 128, 255, 255});
}

TEST_CASE("bilinear weights come from half-pixel centres, edges are repeated") {
  // 2 to 4 columns: centres of the outputs lie at -0.25 (held at 0), 0.25, 0.75, 1.25 (held at 1).
  CHECK(resize({0, 100}, {1, 1, 2}, 1, 4, 255) == std::vector<uint8_t>{0, 25, 75, 100});
  // 4 to 2: at 0.5 and 2.5, so the mean of two neighbours; 0.5 rounds up.
  CHECK(resize({0, 1, 10, 20}, {1, 1, 4}, 1, 2, 255) == std::vector<uint8_t>{1, 15});
  // 3 to 1: the centre.
  CHECK(resize({7, 50, 9}, {1, 3, 1}, 1, 1, 255) == std::vector<uint8_t>{50});
  // Channels stay apart.
  CHECK(resize({10, 200}, {2, 1, 1}, 2, 1, 255) == std::vector<uint8_t>{10, 10, 200, 200});
}

TEST_CASE("bilinear resizing agrees with the formula in floating point everywhere") {
  std::vector<int> pixels;
  const CounterStream stream(1, 2);
  for (uint32_t i = 0; i < 64; ++i) pixels.push_back(static_cast<int>(stream.word(i) % 17));
  const std::vector<uint8_t> image = resize(pixels, {1, 8, 8}, 20, 20, 16);
  for (uint32_t i = 0; i < 20; ++i) {
    for (uint32_t j = 0; j < 20; ++j) {
      const double y = std::min(std::max((i + 0.5) * 8 / 20 - 0.5, 0.0), 7.0);
      const double x = std::min(std::max((j + 0.5) * 8 / 20 - 0.5, 0.0), 7.0);
      const int y0 = static_cast<int>(y), x0 = static_cast<int>(x), y1 = std::min(y0 + 1, 7), x1 = std::min(x0 + 1, 7);
      const double fy = y - y0, fx = x - x0;
      const auto p = [&](int a, int b) { return static_cast<double>(pixels[static_cast<size_t>(a * 8 + b)]); };
      const double value =
          (1 - fy) * ((1 - fx) * p(y0, x0) + fx * p(y0, x1)) + fy * ((1 - fx) * p(y1, x0) + fx * p(y1, x1));
      CHECK(std::abs(image[i * 20 + j] - value * 255 / 16) <= 0.5 + 1e-9);
    }
  }
}

TEST_CASE("padding centres the image, the odd row and column go below and to the right") {
  const std::vector<uint8_t> padded = pad_image({1, 2, 3, 4}, {1, 2, 2}, {1, 3, 5});
  CHECK(padded == std::vector<uint8_t>{0, 1, 2, 0, 0, 0, 3, 4, 0, 0, 0, 0, 0, 0, 0});
}

TEST_CASE("a dead row reads 0 even in an inverted, noisy image") {
  PackSpec spec;
  spec.invert = true;
  spec.noise.sigma = 30;
  spec.dead_rows = {1};
  spec.dead_columns = {2};
  std::vector<uint8_t> image(9, 100);
  distort(image, {1, 3, 3}, spec, 0);
  for (const size_t i : {2, 3, 4, 5, 8}) CHECK(image[i] == 0);
  for (const size_t i : {0, 1, 6, 7}) CHECK(image[i] > 20);
}

TEST_CASE("noise has the wanted mean and deviation and belongs to the row of the source") {
  PackSpec spec;
  spec.noise.sigma = 20;
  spec.noise.seed = 9;
  double sum = 0, squares = 0;
  const uint32_t images = 50, pixels = 784;
  for (uint32_t row = 0; row < images; ++row) {
    std::vector<uint8_t> image(pixels, 128);
    distort(image, {1, 28, 28}, spec, row);
    for (const uint8_t v : image) {
      sum += v - 128.0;
      squares += (v - 128.0) * (v - 128.0);
    }
  }
  const double n = images * pixels;
  // Standard error of the mean: 20 / sqrt(39200) = 0.1; of the deviation 0.07, and rounding adds 1/12 to the variance.
  CHECK(std::abs(sum / n) < 0.4);
  CHECK(std::abs(std::sqrt(squares / n) - 20.0) < 0.3);
  std::vector<uint8_t> first(pixels, 128), again(pixels, 128), other(pixels, 128);
  distort(first, {1, 28, 28}, spec, 3);
  distort(again, {1, 28, 28}, spec, 3);
  distort(other, {1, 28, 28}, spec, 4);
  CHECK(first == again);
  CHECK(first != other);
}
