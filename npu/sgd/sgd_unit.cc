// The SGD unit: the arithmetic in binary32, vectorised over elements, then the rounding to the master format.
#include "npu/sgd/sgd_unit.h"

#include <algorithm>
#include <array>
#include <cmath>

#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/sgd/sgd_unit.cc"
#include <hwy/foreach_target.h>
#include <hwy/highway.h>

#include "npu/numerics/rounding.h"
#include "npu/sgd/random_stream.h"
#include "npu/sgd/stochastic_rounding.h"
#include "npu/vector/canonical.h"
#include "platform/check/check.h"

#ifndef NPU_SGD_UNIT_ONCE
#define NPU_SGD_UNIT_ONCE
namespace backboard::npu::sgd_detail {

/// Operands of `count` elements. `results`, which may be `weights`, gets the binary32 outcome of the formula, before
/// any rounding to FP16; a skipped element gets its old weight and a 1 in `skipped`.
struct Operands {
  const float* weights;
  float* momentum;  ///< null: no momentum
  const float* gradient;
  float* results;
  uint8_t* skipped;
  size_t count;
};

/// What the formula met: elements skipped, and infinite and NaN results of the others.
struct Counts {
  uint64_t skipped = 0, infinite = 0, nan = 0;
};

/// The formula in scalar code.
Counts update_scalar(const SgdParameters& p, const Operands& o);

}  // namespace backboard::npu::sgd_detail
#endif

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::sgd_detail::HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

Counts update(const SgdParameters& p, const Operands& o) {
  const hn::ScalableTag<float> d;
  const hn::Rebind<uint8_t, decltype(d)> db;
  const hn::RebindToSigned<decltype(d)> di;
  const size_t lanes = hn::Lanes(d);
  const auto canonical_nan = hn::BitCast(d, hn::Set(hn::RebindToUnsigned<decltype(d)>(), kCanonicalNanBits));
  const auto canonical_lanes = [&](auto x) HWY_ATTR {
    return hn::IfThenElse(hn::IsNaN(x), canonical_nan, hn::IfThenZeroElse(hn::Eq(x, hn::Zero(d)), x));
  };
  size_t skipped = 0, infinite = 0, nan = 0;
  size_t i = 0;
  for (; i + lanes <= o.count; i += lanes) {
    const auto raw = hn::LoadU(d, o.gradient + i);
    const auto w = hn::LoadU(d, o.weights + i);
    const auto finite = hn::IsFinite(raw);
    auto g = hn::Mul(raw, hn::Set(d, p.gradient_scale));
    if (p.weight_decay != 0.0f) g = hn::Add(g, hn::Mul(hn::Set(d, p.weight_decay), w));
    if (o.momentum) {
      const auto v = hn::LoadU(d, o.momentum + i);
      const auto before = g;
      if (p.momentum != 0.0f) g = hn::Add(hn::Mul(hn::Set(d, p.momentum), v), g);
      hn::StoreU(hn::IfThenElse(finite, canonical_lanes(g), v), d, o.momentum + i);
      if (p.nesterov) g = hn::Add(before, hn::Mul(hn::Set(d, p.momentum), g));
    }
    auto result = w;
    if (p.learning_rate != 0.0f) result = hn::Sub(w, hn::Mul(hn::Set(d, p.learning_rate), g));
    hn::StoreU(hn::IfThenElse(finite, canonical_lanes(result), w), d, o.results + i);
    const auto ones = hn::IfThenElse(hn::RebindMask(di, finite), hn::Zero(di), hn::Set(di, 1));
    hn::StoreU(hn::DemoteTo(db, ones), db, o.skipped + i);
    skipped += lanes - hn::CountTrue(d, finite);
    infinite += hn::CountTrue(d, hn::And(finite, hn::IsInf(result)));
    nan += hn::CountTrue(d, hn::And(finite, hn::IsNaN(result)));
  }
  const Operands rest{
      o.weights + i, o.momentum ? o.momentum + i : nullptr, o.gradient + i, o.results + i, o.skipped + i, o.count - i};
  const Counts of_rest = update_scalar(p, rest);
  return {skipped + of_rest.skipped, infinite + of_rest.infinite, nan + of_rest.nan};
}

}  // namespace backboard::npu::sgd_detail::HWY_NAMESPACE
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu {
namespace sgd_detail {

HWY_EXPORT(update);

Counts update_dispatched(const SgdParameters& p, const Operands& o) {
  return HWY_DYNAMIC_DISPATCH(update)(p, o);
}

Counts update_scalar(const SgdParameters& p, const Operands& o) {
  Counts counts;
  for (size_t i = 0; i < o.count; ++i) {
    const float w = o.weights[i];
    o.skipped[i] = !std::isfinite(o.gradient[i]);
    counts.skipped += o.skipped[i];
    o.results[i] = w;
    if (o.skipped[i]) continue;
    float g = o.gradient[i] * p.gradient_scale;
    // A product with a zero operand contributes nothing, also against Inf and NaN.
    if (p.weight_decay != 0.0f) g = g + p.weight_decay * w;
    if (o.momentum) {
      const float before = g;
      if (p.momentum != 0.0f) g = p.momentum * o.momentum[i] + g;
      o.momentum[i] = canonical(g);
      if (p.nesterov) g = before + p.momentum * g;
    }
    if (p.learning_rate != 0.0f) o.results[i] = w - p.learning_rate * g;
    o.results[i] = canonical(o.results[i]);
    counts.infinite += std::isinf(o.results[i]);
    counts.nan += std::isnan(o.results[i]);
  }
  return counts;
}

}  // namespace sgd_detail

namespace {

using sgd_detail::Operands;

/// Elements handled at a time: their results and flags stay in the first-level cache.
constexpr size_t kChunk = 1024;

/// Rounds the results of one chunk to FP16 and writes those that were not skipped.
void store_half(const SgdParameters& p, const SgdSpan& span, size_t first, std::span<float> results,
                std::span<const uint8_t> skipped, bool vectorised, SgdFacts& facts) {
  const FormatRow& half = format_row(NumberFormat::kFp16);
  float* const weights = span.weights.data() + first;
  for (size_t i = 0; i < results.size(); ++i)
    if (skipped[i]) results[i] = 0.0f;  // keeps old weights out of the counts
  if (p.stochastic) {
    for (size_t i = 0; i < results.size(); ++i) {
      if (skipped[i]) continue;
      const auto element = static_cast<uint32_t>(span.first_element + first + i);
      const RoundedHalf rounded = round_half_stochastic(results[i], random_bits(p.seed, p.step, element));
      results[i] = rounded.value;
      facts.saturated += rounded.saturated;
    }
  } else {
    facts.saturated +=
        (vectorised ? round_span(half, results, results) : scalar::round_span(half, results, results)).saturated;
  }
  for (size_t i = 0; i < results.size(); ++i)
    if (!skipped[i]) weights[i] = results[i];
}

SgdFacts run(const SgdParameters& p, MasterFormat format, const SgdSpan& span, bool vectorised) {
  BB_CHECK(p.valid(), "hyper-parameters of an update");
  BB_CHECK(span.gradient.size() == span.weights.size(), "{} gradients", span.gradient.size());
  BB_CHECK(span.momentum.empty() || span.momentum.size() == span.weights.size(), "{} momenta", span.momentum.size());
  SgdFacts facts;
  std::array<float, kChunk> results;
  std::array<uint8_t, kChunk> skipped;
  for (size_t first = 0; first < span.weights.size(); first += kChunk) {
    const size_t count = std::min(kChunk, span.weights.size() - first);
    const bool half = format == MasterFormat::kFp16;
    const Operands operands{span.weights.data() + first,
                            span.momentum.empty() ? nullptr : span.momentum.data() + first,
                            span.gradient.data() + first,
                            half ? results.data() : span.weights.data() + first,
                            skipped.data(),
                            count};
    const sgd_detail::Counts counts =
        vectorised ? sgd_detail::update_dispatched(p, operands) : sgd_detail::update_scalar(p, operands);
    facts.skipped_nonfinite += counts.skipped;
    facts.nonfinite_weights += counts.nan + (half ? 0 : counts.infinite);  // FP16 saturates
    if (half) store_half(p, span, first, {results.data(), count}, {skipped.data(), count}, vectorised, facts);
  }
  facts += sgd_operations(p, format, !span.momentum.empty(), span.weights.size());
  return facts;
}

}  // namespace

bool SgdParameters::valid() const {
  return std::isfinite(learning_rate) && learning_rate >= 0.0f && std::isfinite(weight_decay) && weight_decay >= 0.0f &&
         momentum >= 0.0f && momentum < 1.0f && std::isfinite(gradient_scale) && gradient_scale > 0.0f;
}

SgdParameters sgd_parameters(const npu_hyper& record) {
  SgdParameters parameters{.learning_rate = record.learning_rate,
                           .momentum = record.momentum,
                           .weight_decay = record.weight_decay,
                           .gradient_scale = record.gradient_scale,
                           .stochastic = (record.flags & NPU_HYPER_STOCHASTIC) != 0,
                           .seed = record.seed,
                           .step = record.step};
  parameters.nesterov = (record.flags & NPU_HYPER_NESTEROV) != 0;
  return parameters;
}

SgdFacts& SgdFacts::operator+=(const SgdFacts& other) {
  elements += other.elements;
  skipped_nonfinite += other.skipped_nonfinite;
  saturated += other.saturated;
  nonfinite_weights += other.nonfinite_weights;
  adds += other.adds;
  multiplies += other.multiplies;
  conversions += other.conversions;
  random_draws += other.random_draws;
  adam_elements += other.adam_elements;
  divisions += other.divisions;
  roots += other.roots;
  return *this;
}

SgdFacts sgd_operations(const SgdParameters& p, MasterFormat format, bool momentum, uint64_t elements) {
  const bool decays = p.weight_decay != 0.0f, carries = momentum && p.momentum != 0.0f;
  const bool moves = p.learning_rate != 0.0f, looks_ahead = p.nesterov && momentum;
  SgdFacts facts;
  facts.elements = elements;
  facts.multiplies = elements * (1u + decays + carries + moves + looks_ahead);
  facts.adds = elements * (0u + decays + carries + moves + looks_ahead);
  facts.conversions = format == MasterFormat::kFp16 ? elements : 0;
  facts.random_draws = p.stochastic ? facts.conversions : 0;
  return facts;
}

SgdFacts sgd_update(const SgdParameters& parameters, MasterFormat format, const SgdSpan& span) {
  return run(parameters, format, span, true);
}

SgdFacts sgd_update_scalar(const SgdParameters& parameters, MasterFormat format, const SgdSpan& span) {
  return run(parameters, format, span, false);
}

}  // namespace backboard::npu
#endif
