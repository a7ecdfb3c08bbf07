// Elementary functions in binary32, defined to the bit: only IEEE additions, multiplications, divisions and integer
// operations in the written order, never libm (which differs between hosts) and never contracted to fma.
#pragma once

namespace backboard::npu {

/// e^x. Error at most 1.0 ulp over normal results; x > 88.72 gives +inf, x < -103.98 gives 0; NaN gives NaN.
float exp_f32(float x);
/// Natural logarithm. Error at most 1.0 ulp; 0 gives -inf, negative gives NaN, +inf gives +inf.
float log_f32(float x);
/// Hyperbolic tangent. Error at most 2.0 ulp.
float tanh_f32(float x);
/// Phi(x), the distribution function of the normal distribution: (1 + erf(x / sqrt(2))) / 2. Error at most 8.0 ulp,
/// also far below zero; x < -14.5 gives 0, NaN gives NaN.
float normal_cdf_f32(float x);
/// Its derivative exp(-x^2 / 2) / sqrt(2 pi). Error at most 4.0 ulp; |x| > 14.5 gives 0.
float normal_pdf_f32(float x);
/// Square root, correctly rounded (IEEE 754 operation).
float sqrt_f32(float x);
/// 1 / x, correctly rounded (IEEE 754 division).
float reciprocal_f32(float x);

}  // namespace backboard::npu
