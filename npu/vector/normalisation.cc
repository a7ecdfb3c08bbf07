#include "npu/vector/normalisation.h"

#include <algorithm>
#include <array>

#include "npu/numerics/elementary.h"
#include "npu/vector/canonical.h"
#include "npu/vector/row_kernels.h"
#include "npu/vector/runs.h"
#include "platform/check/check.h"

namespace backboard::npu {
namespace {

using Lanes = std::array<float, kNormLanes>;
using row_kernels::Affine;

/// Adds term(column) of every column of a row to the lanes. The inner loop has a fixed length: one vector operation.
template <class Term>
void add_row(uint32_t columns, Lanes& lanes, const Term& term) {
  uint32_t w = 0;
  for (; w + kNormLanes <= columns; w += kNormLanes)
    for (uint32_t lane = 0; lane < kNormLanes; ++lane) lanes[lane] += term(w + lane);
  for (uint32_t lane = 0; w + lane < columns; ++lane) lanes[lane] += term(w + lane);
}

/// Calls body(image, channel, lanes) with the lanes of each channel taken out of `sums` from `first` on.
template <class Body>
void each_channel(const ConstTile& x, uint32_t counted, std::span<float> sums, uint32_t first, const Body& body) {
  BB_CHECK(sums.size() == size_t{x.c} * kNormSums, "{} accumulators for {} channels", sums.size(), x.c);
  const uint32_t end = std::clamp(counted, x.n0, x.n0 + x.n);
  for (uint32_t c = 0; c < x.c; ++c) {
    float* const kept = sums.data() + size_t{c} * kNormSums + first;
    Lanes lanes;
    std::copy_n(kept, kNormLanes, lanes.begin());
    for (uint32_t n = x.n0; n < end; ++n) body(n, x.c0 + c, lanes);
    std::transform(lanes.begin(), lanes.end(), kept, canonical);
  }
}

uint64_t counted_elements(const ConstTile& x, uint32_t counted) {
  return uint64_t{std::clamp(counted, x.n0, x.n0 + x.n) - x.n0} * x.c * x.h * x.w;
}

float sum_of(const float* lanes) {
  float sum = 0.0f;
  for (uint32_t lane = 0; lane < kNormLanes; ++lane) sum += lanes[lane];
  return sum;
}

/// 1 / sqrt(variance + epsilon).
float inverse_deviation(const NormChannels& of, uint32_t channel) {
  return reciprocal_f32(sqrt_f32(of.moments.second[channel] + of.epsilon));
}

/// Calls body(offset in the first tile, offset in the others..., length) for the runs of one channel of one image.
template <class Body>
void each_map(const ConstTile& a, const ConstTile& b, uint32_t n, uint32_t c, const Body& body) {
  const bool joins = a.channel_is_dense() && b.channel_is_dense();
  const uint32_t rows = joins ? std::min<uint32_t>(a.h, 1) : a.h;
  const size_t length = joins ? size_t{a.h} * a.w : a.w;
  for (uint32_t h = 0; h < rows; ++h) body(n, c, a.h0 + h, length);
}

}  // namespace

VectorFacts add_values(const ConstTile& x, uint32_t counted, std::span<float> sums) {
  each_channel(x, counted, sums, 0, [&](uint32_t n, uint32_t c, Lanes& lanes) {
    for (uint32_t h = x.h0; h < x.h0 + x.h; ++h) {
      const float* row = x.row(n, c, h);
      add_row(x.w, lanes, [row](uint32_t w) { return row[w]; });
    }
  });
  return {.adds = counted_elements(x, counted)};
}

VectorFacts finish_means(uint64_t elements, std::span<float> sums) {
  const uint64_t channels = sums.size() / kNormSums;
  for (uint64_t c = 0; c < channels; ++c) {
    float* const lanes = sums.data() + c * kNormSums;
    lanes[kNormLanes] = canonical(sum_of(lanes) / static_cast<float>(elements));
    std::fill_n(lanes, kNormLanes, 0.0f);
  }
  return {.adds = channels * kNormLanes, .divides = channels};
}

VectorFacts add_squares(const ConstTile& x, uint32_t counted, std::span<float> sums) {
  each_channel(x, counted, sums, 0, [&](uint32_t n, uint32_t c, Lanes& lanes) {
    const float mean = sums[size_t{c - x.c0} * kNormSums + kNormLanes];
    for (uint32_t h = x.h0; h < x.h0 + x.h; ++h) {
      const float* row = x.row(n, c, h);
      add_row(x.w, lanes, [row, mean](uint32_t w) {
        const float distance = row[w] - mean;
        return distance * distance;
      });
    }
  });
  const uint64_t elements = counted_elements(x, counted);
  return {.adds = 2 * elements, .multiplies = elements};
}

VectorFacts finish_moments(uint64_t elements, std::span<const float> sums, const ChannelResults& moments) {
  const uint64_t channels = sums.size() / kNormSums;
  for (uint64_t c = 0; c < channels; ++c) {
    const float* const lanes = sums.data() + c * kNormSums;
    moments.first[c] = lanes[kNormLanes];
    moments.second[c] = canonical(sum_of(lanes) / static_cast<float>(elements));
  }
  return {.adds = channels * kNormLanes, .divides = channels};
}

VectorFacts blend_moments(const ChannelValues& moments, uint32_t channels, uint64_t elements, float share,
                          const ChannelResults& running) {
  const float keep = 1.0f - share;
  const float unbiased = elements > 1 ? static_cast<float>(elements) / static_cast<float>(elements - 1) : 1.0f;
  for (uint32_t c = 0; c < channels; ++c) {
    running.first[c] = canonical(keep * running.first[c] + share * moments.first[c]);
    running.second[c] = canonical(keep * running.second[c] + share * (moments.second[c] * unbiased));
  }
  return {.adds = 2 * uint64_t{channels}, .multiplies = 5 * uint64_t{channels}};
}

VectorFacts normalise(const ConstTile& x, const NormChannels& of, bool relu, const Tile& y) {
  BB_CHECK(same_box(x, y), "tiles of a normalisation differ");
  for (uint32_t c = 0; c < x.c; ++c) {
    const Affine affine{.mean = of.moments.first[c],
                        .scale = of.affine.first[c] * inverse_deviation(of, c),
                        .shift = of.affine.second[c]};
    for (uint32_t n = x.n0; n < x.n0 + x.n; ++n) {
      each_map(x, y, n, x.c0 + c, [&](uint32_t image, uint32_t channel, uint32_t h, size_t length) {
        row_kernels::normalise(x.row(image, channel, h), affine, relu, y.row(image, channel, h), length);
      });
    }
  }
  const uint64_t elements = x.elements();
  return {.adds = 2 * elements, .multiplies = elements, .compares = relu ? elements : 0, .divides = x.c};
}

VectorFacts add_products(const ConstTile& dy, const ConstTile& x, const NormChannels& of, std::span<float> sums) {
  BB_CHECK(same_box(dy, x), "tiles of a normalisation differ");
  each_channel(dy, of.counted, sums, 0, [&](uint32_t n, uint32_t c, Lanes& lanes) {
    for (uint32_t h = dy.h0; h < dy.h0 + dy.h; ++h) {
      const float* row = dy.row(n, c, h);
      add_row(dy.w, lanes, [row](uint32_t w) { return row[w]; });
    }
  });
  each_channel(dy, of.counted, sums, kNormLanes, [&](uint32_t n, uint32_t c, Lanes& lanes) {
    const float mean = of.moments.first[c - dy.c0];
    for (uint32_t h = dy.h0; h < dy.h0 + dy.h; ++h) {
      const float *error = dy.row(n, c, h), *value = x.row(n, c, h);
      add_row(dy.w, lanes, [error, value, mean](uint32_t w) { return error[w] * (value[w] - mean); });
    }
  });
  const uint64_t elements = counted_elements(dy, of.counted);
  return {.adds = 3 * elements, .multiplies = elements};
}

VectorFacts finish_gradients(const NormChannels& of, uint32_t channels, std::span<const float> sums,
                             const ChannelResults& gradient) {
  for (uint32_t c = 0; c < channels; ++c) {
    const float* const lanes = sums.data() + size_t{c} * kNormSums;
    gradient.first[c] = canonical(inverse_deviation(of, c) * sum_of(lanes + kNormLanes));
    gradient.second[c] = canonical(sum_of(lanes));
  }
  return {.adds = uint64_t{channels} * (kNormSums + 1), .multiplies = channels, .divides = channels};
}

VectorFacts normalise_bp(const ConstTile& dy, const ConstTile& x, const NormChannels& of, const ChannelValues& gradient,
                         const Tile& dx) {
  BB_CHECK(same_box(dy, x) && same_box(dy, dx), "tiles of a normalisation differ");
  const auto elements = static_cast<float>(of.elements);
  for (uint32_t c = 0; c < dy.c; ++c) {
    const float deviation = inverse_deviation(of, c);
    const Affine affine{.mean = of.moments.first[c],
                        .scale = of.affine.first[c] * deviation,
                        .offset = gradient.second[c] / elements,
                        .slope = gradient.first[c] * deviation / elements};
    for (uint32_t n = dy.n0; n < dy.n0 + dy.n; ++n) {
      const auto one = [&](uint32_t image, uint32_t channel, uint32_t h, size_t length) {
        float* to = dx.row(image, channel, h);
        if (image >= of.counted) {
          std::fill_n(to, length, 0.0f);
        } else {
          row_kernels::normalise_error(dy.row(image, channel, h), x.row(image, channel, h), affine, to, length);
        }
      };
      // Joined rows need all three tiles dense.
      if (dx.channel_is_dense() && x.channel_is_dense()) {
        each_map(dy, dx, n, dy.c0 + c, one);
      } else {
        for (uint32_t h = dy.h0; h < dy.h0 + dy.h; ++h) one(n, dy.c0 + c, h, dy.w);
      }
    }
  }
  const uint64_t count = dy.elements();
  return {.adds = 3 * count, .multiplies = 2 * count, .divides = 3 * uint64_t{dy.c}};
}

VectorFacts normalise_frozen_bp(const ConstTile& dy, const NormChannels& of, const Tile& dx) {
  BB_CHECK(same_box(dy, dx), "tiles of a normalisation differ");
  for (uint32_t c = 0; c < dy.c; ++c) {
    const float scale = of.affine.first[c] * inverse_deviation(of, c);
    for (uint32_t n = dy.n0; n < dy.n0 + dy.n; ++n) {
      each_map(dy, dx, n, dy.c0 + c, [&](uint32_t image, uint32_t channel, uint32_t h, size_t length) {
        row_kernels::scale(dy.row(image, channel, h), scale, dx.row(image, channel, h), length);
      });
    }
  }
  return {.multiplies = dy.elements(), .divides = dy.c};
}

}  // namespace backboard::npu
