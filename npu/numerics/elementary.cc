#include "npu/numerics/elementary.h"

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>

namespace backboard::npu {
namespace {

// ln 2 in two parts: n * kLn2High is exact for |n| < 2^15 (9 significant bits), the rest is carried apart.
constexpr float kLn2High = 0x1.63p-1f;
constexpr float kLn2Low = -0x1.bd0106p-13f;
constexpr float kLog2E = 0x1.715476p+0f;
// Adding and subtracting 1.5 * 2^23 rounds a binary32 of small magnitude to an integer, ties to even.
constexpr float kRoundToInteger = 0x1.8p23f;

/// 2^n for -126 <= n <= 127.
float power_of_two(int32_t n) {
  return std::bit_cast<float>(static_cast<uint32_t>(n + 127) << 23);
}

/// Where e^(-x^2 / 2) has left binary32.
constexpr float kGaussianEnd = 14.5f;

/// e^(-x^2 / 2), |x| <= kGaussianEnd. The square is taken in two parts, as its rounding would be multiplied by x^2 / 2:
/// twelve bits of x have an exact one, and x^2 - h^2 = (x - h) (x + h) is small.
float gaussian(float x) {
  const float h = std::bit_cast<float>(std::bit_cast<uint32_t>(x) & 0xfffff000u);
  return exp_f32(-0.5f * (h * h)) * exp_f32(-0.5f * ((x - h) * (x + h)));
}

}  // namespace

float exp_f32(float x) {
  if (x != x) return x;
  if (x > 89.0f) return std::numeric_limits<float>::infinity();
  if (x < -105.0f) return 0.0f;
  // x = n ln 2 + r, |r| <= ln(2) / 2
  const float n = (x * kLog2E + kRoundToInteger) - kRoundToInteger;
  const float r = (x - n * kLn2High) - n * kLn2Low;
  // Taylor series of (e^r - 1 - r) / r^2; the first term left out is below 2^-30 of e^r.
  float p = 1.0f / 40320;
  p = p * r + 1.0f / 5040;
  p = p * r + 1.0f / 720;
  p = p * r + 1.0f / 120;
  p = p * r + 1.0f / 24;
  p = p * r + 1.0f / 6;
  p = p * r + 0.5f;
  const float e = (p * (r * r) + r) + 1.0f;
  // Two factors, so that neither leaves the normal range while the result is subnormal or near overflow.
  const int32_t exponent = static_cast<int32_t>(n);
  const int32_t half = exponent / 2;
  return (e * power_of_two(half)) * power_of_two(exponent - half);
}

float log_f32(float x) {
  if (x != x) return x;
  if (x < 0.0f) return std::numeric_limits<float>::quiet_NaN();
  if (x == 0.0f) return -std::numeric_limits<float>::infinity();
  if (x == std::numeric_limits<float>::infinity()) return x;
  float k = 0.0f;
  if (x < std::numeric_limits<float>::min()) {
    x *= 0x1p24f;
    k = -24.0f;
  }
  // x = 2^k m with m in [sqrt(1/2), sqrt(2))
  const uint32_t bits = std::bit_cast<uint32_t>(x);
  const uint32_t shifted = bits - 0x3f3504f3u;  // bits of sqrt(1/2)
  const int32_t exponent = static_cast<int32_t>(shifted) >> 23;
  k += static_cast<float>(exponent);
  const float m = std::bit_cast<float>(bits - (static_cast<uint32_t>(exponent) << 23));
  // log(1 + f) = f - f^2/2 + s (f^2/2 + R), s = f / (2 + f), R from the series of atanh(s)
  const float f = m - 1.0f;
  const float s = f / (2.0f + f);
  const float z = s * s;
  float r = 2.0f / 13;
  r = r * z + 2.0f / 11;
  r = r * z + 2.0f / 9;
  r = r * z + 2.0f / 7;
  r = r * z + 2.0f / 5;
  r = r * z + 2.0f / 3;
  r = r * z;
  const float half_square = 0.5f * f * f;
  return k * kLn2High - ((half_square - (s * (half_square + r) + k * kLn2Low)) - f);
}

float tanh_f32(float x) {
  if (x != x) return x;
  const float a = std::fabs(x);
  float t;
  if (a < 0.625f) {
    // Lambert's continued fraction cut after x^2/11, as x - x z to keep the rounding of z out of the leading bits.
    const float q = a * a;
    const float z = q * (3465.0f + q * (189.0f + q)) / (10395.0f + q * (4725.0f + q * (210.0f + q)));
    t = a - a * z;
  } else if (a < 9.5f) {
    t = 1.0f - 2.0f / (exp_f32(2.0f * a) + 1.0f);
  } else {
    t = 1.0f;
  }
  return std::copysign(t, x);
}

float normal_cdf_f32(float x) {
  if (x != x) return x;
  const float a = std::fabs(x);
  if (a > kGaussianEnd) return x < 0.0f ? 0.0f : 1.0f;
  // Phi(-a) e^(a^2 / 2) falls from 1/2 like 1 / a: u times a polynomial in u = 1 / (1 + 9/32 a), fitted to the least
  // squares of the relative error, which is below 2^-25.
  const float u = 1.0f / (1.0f + 0.28125f * a);
  float p = -0x1.c64b82p-7f;
  p = p * u + 0x1.869c94p-4f;
  p = p * u - 0x1.f78d32p-3f;
  p = p * u + 0x1.19ee7cp-2f;
  p = p * u - 0x1.27161ap-3f;
  p = p * u + 0x1.1a7a24p-3f;
  p = p * u + 0x1.066c40p-4f;
  p = p * u + 0x1.b6a6a8p-4f;
  p = p * u + 0x1.ca0ca2p-4f;
  p = p * u + 0x1.cba5b2p-4f;
  const float tail = gaussian(a) * (p * u);
  return x < 0.0f ? tail : 1.0f - tail;
}

float normal_pdf_f32(float x) {
  if (x != x) return x;
  if (std::fabs(x) > kGaussianEnd) return 0.0f;
  return 0x1.988454p-2f * gaussian(x);  // 1 / sqrt(2 pi)
}

float sqrt_f32(float x) {
  return std::sqrt(x);
}

float reciprocal_f32(float x) {
  return 1.0f / x;
}

}  // namespace backboard::npu
