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
/// Square root, correctly rounded (IEEE 754 operation).
float sqrt_f32(float x);
/// 1 / x, correctly rounded (IEEE 754 division).
float reciprocal_f32(float x);

}  // namespace backboard::npu
