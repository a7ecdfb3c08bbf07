#include "sw/pack/distort.h"

#include <algorithm>
#include <cmath>

#include "platform/check/check.h"
#include "sw/random/counter_stream.h"

namespace backboard {

namespace {

uint8_t to_byte(double value) {
  return static_cast<uint8_t>(std::clamp(std::floor(value + 0.5), 0.0, 255.0));
}

/// Two neighbours along one axis and their weights, which add up to 2 * out.
struct Neighbours {
  uint32_t first, second;
  uint32_t first_weight, second_weight;
};

Neighbours neighbours(uint32_t i, uint32_t in, uint32_t out) {
  const int64_t unit = 2 * int64_t{out};
  const int64_t position = std::clamp<int64_t>((2 * int64_t{i} + 1) * in - out, 0, unit * (int64_t{in} - 1));
  const uint32_t first = static_cast<uint32_t>(position / unit);
  const uint32_t fraction = static_cast<uint32_t>(position % unit);
  return {first, std::min(first + 1, in - 1), static_cast<uint32_t>(unit) - fraction, fraction};
}

}  // namespace

ImageShape resized_shape(const ImageShape& from, const PackSpec& spec) {
  return spec.resize.empty() ? from : ImageShape{from.c, spec.resize[0], spec.resize[1]};
}

ImageShape packed_shape(const ImageShape& from, const PackSpec& spec) {
  const ImageShape resized = resized_shape(from, spec);
  return spec.pad.empty() ? resized : ImageShape{resized.c, spec.pad[0], spec.pad[1]};
}

std::vector<uint8_t> resize_to_bytes(const ImageShape& from, const ImageShape& to, double full_scale,
                                     const SourcePixels& source) {
  BB_CHECK(from.c == to.c && full_scale > 0, "{} {}", from.c, to.c);
  const double divisor = 4.0 * to.h * to.w * full_scale;
  std::vector<uint8_t> bytes;
  bytes.reserve(to.elements());
  for (uint32_t c = 0; c < to.c; ++c) {
    for (uint32_t i = 0; i < to.h; ++i) {
      const Neighbours y = neighbours(i, from.h, to.h);
      for (uint32_t j = 0; j < to.w; ++j) {
        const Neighbours x = neighbours(j, from.w, to.w);
        double sum = double{1} * y.first_weight * x.first_weight * source(c, y.first, x.first);
        sum += double{1} * y.first_weight * x.second_weight * source(c, y.first, x.second);
        sum += double{1} * y.second_weight * x.first_weight * source(c, y.second, x.first);
        sum += double{1} * y.second_weight * x.second_weight * source(c, y.second, x.second);
        bytes.push_back(to_byte(255.0 * sum / divisor));
      }
    }
  }
  return bytes;
}

std::vector<uint8_t> pad_image(const std::vector<uint8_t>& image, const ImageShape& from, const ImageShape& to) {
  BB_CHECK(from.c == to.c && from.h <= to.h && from.w <= to.w && image.size() == from.elements(), "{}", image.size());
  const uint32_t top = (to.h - from.h) / 2, left = (to.w - from.w) / 2;
  std::vector<uint8_t> padded(to.elements(), 0);
  for (uint32_t c = 0; c < from.c; ++c)
    for (uint32_t h = 0; h < from.h; ++h)
      std::copy_n(image.begin() + static_cast<ptrdiff_t>((size_t{c} * from.h + h) * from.w), from.w,
                  padded.begin() + static_cast<ptrdiff_t>((size_t{c} * to.h + h + top) * to.w + left));
  return padded;
}

void distort(std::vector<uint8_t>& image, const ImageShape& shape, const PackSpec& spec, uint32_t row) {
  if (spec.invert)
    for (uint8_t& pixel : image) pixel = static_cast<uint8_t>(255 - pixel);
  if (spec.noise.sigma > 0.0) {
    const CounterStream stream(spec.noise.seed, row);
    for (size_t i = 0; i < image.size(); ++i)
      image[i] = to_byte(image[i] + spec.noise.sigma * stream.gaussian(static_cast<uint32_t>(i)));
  }
  for (uint32_t c = 0; c < shape.c; ++c) {
    for (const uint32_t h : spec.dead_rows)
      std::fill_n(image.begin() + static_cast<ptrdiff_t>((size_t{c} * shape.h + h) * shape.w), shape.w, uint8_t{0});
    for (const uint32_t w : spec.dead_columns)
      for (uint32_t h = 0; h < shape.h; ++h) image[(size_t{c} * shape.h + h) * shape.w + w] = 0;
  }
}

}  // namespace backboard
