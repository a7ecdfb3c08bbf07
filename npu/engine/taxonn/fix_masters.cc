#include "npu/engine/taxonn/fix_masters.h"

#include <algorithm>
#include <array>
#include <cmath>

#include "npu/engine/taxonn/fix_span.h"
#include "npu/sgd/random_stream.h"
#include "platform/check/check.h"

namespace backboard::npu::taxonn {
namespace {

/// Elements rounded at a time.
constexpr size_t kChunk = 1024;

/// `x` times 2^fraction is exact in double, and so are its floor and what is left.
float fix_stochastic(const FixedPoint& format, float x, uint64_t random) {
  if (std::isnan(x)) return 0.0f;
  const double limit = static_cast<double>((1 << format.bits()) - 1);
  const double magnitude = std::min(std::fabs(std::ldexp(static_cast<double>(x), format.fraction)), limit);
  const double whole = std::floor(magnitude), u = static_cast<double>(random >> 40) * 0x1p-24;
  const double rounded = std::min(limit, whole + (magnitude - whole >= 1.0 - u ? 1.0 : 0.0));
  if (rounded == 0.0) return 0.0f;
  return static_cast<float>(std::ldexp(std::copysign(rounded, static_cast<double>(x)), -format.fraction));
}

}  // namespace

uint64_t fix_masters(const FixedPoint& format, const SgdParameters& parameters, uint32_t first_element,
                     std::span<const float> gradient, std::span<float> masters) {
  BB_CHECK(gradient.size() == masters.size(), "{} gradients", gradient.size());
  const float largest = std::ldexp(static_cast<float>((1 << format.bits()) - 1), -format.fraction);
  uint64_t held = 0;
  std::array<float, kChunk> fixed;
  for (size_t at = 0; at < masters.size(); at += kChunk) {
    const std::span<float> part = masters.subspan(at, std::min(kChunk, masters.size() - at));
    if (parameters.stochastic) {
      for (size_t i = 0; i < part.size(); ++i) {
        const auto element = static_cast<uint32_t>(first_element + at + i);
        fixed[i] = fix_stochastic(format, part[i], random_bits(parameters.seed, parameters.step, element));
      }
    } else {
      fix_span(format, part, std::span(fixed).first(part.size()));
    }
    for (size_t i = 0; i < part.size(); ++i) {
      if (!std::isfinite(gradient[at + i])) continue;
      held += std::fabs(part[i]) > largest;
      part[i] = fixed[i];
    }
  }
  return held;
}

}  // namespace backboard::npu::taxonn
