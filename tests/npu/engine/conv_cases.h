// Shapes and operands of convolution tests.
#pragma once

#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "npu/engine/gemm_tile.h"
#include "npu/numerics/rounding.h"
#include "tests/support/npu_golden.h"

namespace backboard::npu::test {

/// Tensors of one convolution, filled with values of FP8 and FP16 and their classes.
struct ConvCase {
  ConvTile tile;
  std::vector<float> x, w, dy;
  std::vector<uint8_t> x_classes, w_classes, dy_classes;

  Operand x_operand() const { return {x.data(), x_classes.data()}; }
  Operand w_operand() const { return {w.data(), w_classes.data()}; }
  Operand dy_operand() const { return {dy.data(), dy_classes.data()}; }
  size_t x_size() const { return x.size(); }
};

/// Random values of which `zeros` are zero and, of the others, `high` are FP16 and the rest FP8.
inline void fill_classes(std::mt19937& random, double zeros, double high, float scale, std::vector<float>& values,
                         std::vector<uint8_t>& classes, size_t count) {
  std::uniform_real_distribution<double> share(0, 1);
  std::normal_distribution<float> normal(0, scale);
  values.resize(count);
  classes.resize(count);
  for (size_t i = 0; i < count; ++i) {
    const bool is_high = share(random) < high;
    float value = share(random) < zeros ? 0.0f : normal(random);
    value = round_nearest_even_saturate(format_row(is_high ? NumberFormat::kFp16 : NumberFormat::kFp8), value);
    values[i] = value;
    classes[i] = value == 0 ? kClassZero : is_high ? kClassHigh : kClassLow;
  }
}

inline ConvCase make_case(const ConvTile& tile, uint32_t seed, double zeros = 0.4, double high = 0.2, float scale = 1,
                          double error_zeros = 0.8) {
  ConvCase c;
  c.tile = tile;
  std::mt19937 random(seed);
  fill_classes(random, zeros, high, scale, c.x, c.x_classes, size_t{tile.n} * tile.c * tile.h * tile.w);
  fill_classes(random, 0.02, high, scale, c.w, c.w_classes, size_t{tile.k} * tile.c * tile.kh * tile.kw);
  fill_classes(random, error_zeros, high, scale, c.dy, c.dy_classes, size_t{tile.n} * tile.k * tile.oh * tile.ow);
  return c;
}

inline std::string describe(const ConvTile& t) {
  return "n" + std::to_string(t.n) + " c" + std::to_string(t.c) + " " + std::to_string(t.h) + "x" +
         std::to_string(t.w) + " k" + std::to_string(t.k) + " " + std::to_string(t.kh) + "x" + std::to_string(t.kw) +
         " s" + std::to_string(t.stride_h) + " p" + std::to_string(t.pad_h) + " d" + std::to_string(t.dilation_h);
}

/// Its window. Padding below and right is what the last row and column of outputs reach.
inline backboard::test::Window window_of(const ConvTile& t) {
  backboard::test::Window window{t.kh, t.kw, t.stride_h, t.stride_w, t.pad_h, t.pad_w, t.dilation_h, t.dilation_w};
  const auto more = [](uint32_t outputs, uint32_t stride, uint32_t reach, uint32_t size, uint32_t pad) {
    return static_cast<int32_t>((outputs - 1) * stride + reach - size - 2 * pad);
  };
  window.pad_more_h = more(t.oh, t.stride_h, t.dilation_h * (t.kh - 1) + 1, t.h, t.pad_h);
  window.pad_more_w = more(t.ow, t.stride_w, t.dilation_w * (t.kw - 1) + 1, t.w, t.pad_w);
  return window;
}

/// Shapes: ones, primes, around the vector and row-block sizes, strides that do not divide, dilation, padding, FC.
inline std::vector<ConvTile> shapes() {
  std::vector<ConvTile> list = {
      ConvTile::whole(1, 1, 1, 1, 1, 1, 1, 1, 0),      ConvTile::whole(1, 1, 5, 5, 1, 3, 3, 1, 1),
      ConvTile::whole(2, 3, 7, 11, 5, 3, 3, 1, 1),     ConvTile::whole(1, 1, 28, 28, 8, 3, 3, 1, 1),
      ConvTile::whole(3, 8, 14, 14, 16, 3, 3, 1, 1),   ConvTile::whole(2, 16, 7, 7, 32, 3, 3, 1, 1),
      ConvTile::whole(1, 5, 13, 9, 33, 3, 3, 2, 1),    ConvTile::whole(2, 3, 23, 17, 17, 7, 7, 2, 3),
      ConvTile::whole(1, 7, 12, 12, 15, 3, 3, 3, 0),   ConvTile::whole(2, 4, 15, 16, 31, 3, 5, 1, 2, 2),
      ConvTile::whole(1, 9, 8, 8, 48, 1, 1, 2, 0),     ConvTile::whole(2, 33, 4, 5, 65, 1, 1, 1, 0),
      ConvTile::whole(1, 2, 9, 9, 7, 2, 2, 4, 1),      ConvTile::whole(1, 40, 6, 6, 9, 3, 3, 1, 2),
      ConvTile::whole(1, 3, 130, 3, 2, 5, 3, 2, 2),    ConvTile::whole(1, 2, 11, 67, 4, 3, 3, 1, 0, 3),
      ConvTile::whole(3, 1, 9, 6, 9, 3, 3, 1, 1),      ConvTile::whole(2, 2, 6, 9, 17, 3, 3, 1, 0),
      ConvTile::whole(2, 1, 5, 64, 3, 3, 3, 1, 1),     ConvTile::whole(1, 1, 7, 33, 8, 3, 3, 1, 2),
      ConvTile::whole(3, 1, 28, 28, 8, 3, 3, 1, 1),    ConvTile::whole(2, 1, 20, 30, 19, 3, 3, 1, 2),
      ConvTile::whole(2, 1, 25, 5, 1, 3, 3, 1, 1),     ConvTile::whole(2, 1, 15, 29, 1, 3, 3, 2, 1),
      ConvTile::whole(1, 1, 12, 70, 1, 3, 3, 2, 1),    ConvTile::whole(3, 1, 7, 7, 1, 5, 5, 2, 2),
      ConvTile::whole(2, 1, 16, 40, 1, 3, 5, 1, 2, 2), ConvTile::whole(1, 1, 17, 19, 1, 3, 3, 3, 1),
      ConvTile::whole(1, 1, 13, 20, 1, 3, 3, 2, 0, 3), ConvTile::whole(1, 9, 30, 29, 20, 1, 1, 2, 0),
      ConvTile::fully_connected(1, 288, 64),           ConvTile::fully_connected(16, 64, 10),
      ConvTile::fully_connected(7, 13, 101),           ConvTile::fully_connected(33, 300, 17),
  };
  ConvTile uneven = ConvTile::whole(2, 3, 20, 13, 6, 3, 2, 1, 0);
  uneven.stride_h = 2;
  uneven.stride_w = 3;
  uneven.pad_h = 2;
  uneven.pad_w = 1;
  uneven.dilation_h = 3;
  uneven.oh = (20 + 4 - 7) / 2 + 1;
  uneven.ow = (13 + 2 - 2) / 3 + 1;
  uneven.oh_rows = uneven.oh;
  uneven.set_dense_strides();
  list.push_back(uneven);
  // Padding below and right that differs from that above and left: rows and columns of outputs say so.
  const auto sides = [&list](ConvTile tile, uint32_t oh, uint32_t ow) {
    tile.oh = tile.oh_rows = oh;
    tile.ow = ow;
    tile.set_dense_strides();
    list.push_back(tile);
  };
  sides(ConvTile::whole(2, 3, 8, 8, 6, 3, 3, 2, 0), 4, 4);
  sides(ConvTile::whole(2, 1, 28, 28, 8, 3, 3, 1, 0), 27, 28);
  sides(ConvTile::whole(2, 5, 9, 10, 17, 3, 3, 1, 2), 10, 11);
  sides(ConvTile::whole(1, 1, 14, 30, 1, 3, 3, 1, 0), 14, 30);
  sides(ConvTile::whole(1, 2, 49, 10, 64, 10, 4, 2, 1), 22, 6);
  return list;
}

}  // namespace backboard::npu::test
