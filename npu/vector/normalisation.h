// Batch normalisation on tiles (Ioffe and Szegedy, ICML 2015): moments of a channel over (n, h, w), the forward pass,
// the gradients of gamma and beta, the error of the input. All binary32, every operation rounded once, multiplications
// as IEEE 754 says (a zero against Inf is NaN).
//
// A sum over a channel is kept in 16 lanes: column w of every row adds to lane w mod 16, rows in the order of (n, h);
// in the end the lanes are added in their order. So the sum does not depend on the tiling, and a unit of 16 lanes makes
// it without a reduction in each row. Only images below `counted` add: the others pad the batch.
#pragma once

#include <cstdint>
#include <span>

#include "npu/vector/tile.h"
#include "npu/vector/vector_facts.h"

namespace backboard::npu {

inline constexpr uint32_t kNormLanes = 16;
/// Accumulators of a channel: two sums, or one sum and the mean behind it.
inline constexpr uint32_t kNormSums = 2 * kNormLanes;

/// Two values for each of `channels` channels: means and variances, gamma and beta, or their gradients.
template <class T>
struct ChannelPair {
  T* first = nullptr;
  T* second = nullptr;
};
using ChannelValues = ChannelPair<const float>;
using ChannelResults = ChannelPair<float>;

/// What a normalisation knows of its channels.
struct NormChannels {
  ChannelValues affine;   ///< gamma, beta; not used by sums
  ChannelValues moments;  ///< mean, variance
  float epsilon = 0.0f;
  uint32_t counted = 0;   ///< images of the tensor that count
  uint64_t elements = 0;  ///< of a channel over the images that count: counted * h * w
};

/// First pass: sums of x. `sums` holds kNormSums accumulators a channel, from zero.
VectorFacts add_values(const ConstTile& x, uint32_t counted, std::span<float> sums);
/// Between the passes: mean = sum / elements goes to accumulator 16 of each channel, the lanes become zero.
VectorFacts finish_means(uint64_t elements, std::span<float> sums);
/// Second pass: sums of (x - mean)^2.
VectorFacts add_squares(const ConstTile& x, uint32_t counted, std::span<float> sums);
/// Means, and variances = sum of squares / elements.
VectorFacts finish_moments(uint64_t elements, std::span<const float> sums, const ChannelResults& moments);
/// running = (1 - share) * running + share * moment; the variance that is blended in is the unbiased one:
/// variance * (elements / (elements - 1)), that ratio rounded; of one element the variance itself.
VectorFacts blend_moments(const ChannelValues& moments, uint32_t channels, uint64_t elements, float share,
                          const ChannelResults& running);

/// y = (x - mean) * (gamma / sqrt(variance + epsilon)) + beta, then ReLU if `relu`; gamma / sqrt is gamma * (1 / sqrt).
/// Boxes equal; y may be x.
VectorFacts normalise(const ConstTile& x, const NormChannels& of, bool relu, const Tile& y);

/// Sums for the gradients: dy in lanes 0 to 15 of a channel, dy * (x - mean) in lanes 16 to 31.
VectorFacts add_products(const ConstTile& dy, const ConstTile& x, const NormChannels& of, std::span<float> sums);
/// Gradient of gamma = (1 / sqrt(variance + epsilon)) * sum of dy (x - mean); of beta = sum of dy.
VectorFacts finish_gradients(const NormChannels& of, uint32_t channels, std::span<const float> sums,
                             const ChannelResults& gradient);

/// Error through the batch's moments: with s = 1 / sqrt(variance + epsilon), m = elements,
///   dx = (dy - dbeta / m - (x - mean) * (dgamma * s / m)) * (gamma * s); zero for images from `counted` on.
/// Boxes equal; dx may be dy or x. `gradient`: of gamma, of beta.
VectorFacts normalise_bp(const ConstTile& dy, const ConstTile& x, const NormChannels& of, const ChannelValues& gradient,
                         const Tile& dx);
/// Error through moments that are constants: dx = dy * (gamma * s).
VectorFacts normalise_frozen_bp(const ConstTile& dy, const NormChannels& of, const Tile& dx);

}  // namespace backboard::npu
