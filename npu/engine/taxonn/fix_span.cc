#undef HWY_TARGET_INCLUDE
#define HWY_TARGET_INCLUDE "npu/engine/taxonn/fix_span.cc"
#include <hwy/foreach_target.h>
// foreach_target.h comes first.
#include <hwy/highway.h>

#include <algorithm>
#include <cmath>

#include "npu/engine/taxonn/fix_span.h"
#include "platform/check/check.h"

HWY_BEFORE_NAMESPACE();
namespace backboard::npu::taxonn {
namespace HWY_NAMESPACE {
namespace hn = hwy::HWY_NAMESPACE;

/// `up`: 2^fraction; `limit`: the largest integer.
void fix_span_vector(float up, float limit, const float* in, float* out, size_t count) {
  const hn::ScalableTag<float> d;
  const size_t lanes = hn::Lanes(d);
  const auto scale = hn::Set(d, up), down = hn::Set(d, 1.0f / up);
  const auto high = hn::Set(d, limit), low = hn::Set(d, -limit), zero = hn::Zero(d);
  const auto fix = [&](auto x) {
    const auto finite = hn::IfThenZeroElse(hn::IsNaN(x), x);
    // Held before it is rounded: what is beyond the limit rounds to no less than it.
    const auto whole = hn::Round(hn::Max(hn::Min(hn::Mul(finite, scale), high), low));
    return hn::IfThenZeroElse(hn::Eq(whole, zero), hn::Mul(whole, down));
  };
  size_t i = 0;
  for (; i + lanes <= count; i += lanes) hn::StoreU(fix(hn::LoadU(d, in + i)), d, out + i);
  if (i == count) return;
  HWY_ALIGN float rest[HWY_MAX_BYTES / sizeof(float)] = {};
  std::copy(in + i, in + count, rest);
  hn::Store(fix(hn::Load(d, rest)), d, rest);
  std::copy(rest, rest + (count - i), out + i);
}

}  // namespace HWY_NAMESPACE
}  // namespace backboard::npu::taxonn
HWY_AFTER_NAMESPACE();

#if HWY_ONCE
namespace backboard::npu::taxonn {

HWY_EXPORT(fix_span_vector);

void fix_span(const FixedPoint& format, std::span<const float> in, std::span<float> out) {
  BB_CHECK(in.size() == out.size() && format.bits() >= 1 && format.bits() <= 23, "{} bits", format.bits());
  const float up = std::ldexp(1.0f, format.fraction);
  const auto limit = static_cast<float>((1 << format.bits()) - 1);
  HWY_DYNAMIC_DISPATCH(fix_span_vector)(up, limit, in.data(), out.data(), in.size());
}

}  // namespace backboard::npu::taxonn
#endif
