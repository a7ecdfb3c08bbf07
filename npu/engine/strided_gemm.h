// The one vector kernel under every convolution and FC layer: C(m, n) += sum over r of A(m, r) * B(r, n), each sum in
// the order of r, for operands that lie anywhere in memory.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/gemm_tile.h"

namespace backboard::npu {

/// How a term is added to a sum.
enum class Arithmetic : uint8_t {
  kExactProduct,     ///< products are exact in binary32: one rounding, of the sum; fma or not gives the same
  kMultiplyThenAdd,  ///< binary32 product, rounded, then binary32 addition
  kFp16Sum,          ///< exact product, binary32 addition, then rounded to FP16 (nearest even, saturating)
};

/// Places of the elements, in elements from the base pointers:
///   A(m, r) = a[a_row[m] + a_step[r]],  B(r, n) = b[b_step[r] + n * b_column],  C(m, n) = c[c_row[m] + n * c_column].
struct StridedGemm {
  uint32_t rows = 0, columns = 0, steps = 0;
  const float* a = nullptr;
  const ptrdiff_t* a_row = nullptr;
  const ptrdiff_t* a_step = nullptr;
  const float* b = nullptr;
  const ptrdiff_t* b_step = nullptr;
  ptrdiff_t b_column = 1;
  ptrdiff_t b_pitch = 0;  ///< between steps of B when it is the same for all; 0: not known
  uint32_t a_run = 0;     ///< steps with the same r / a_run lie next to each other in A; 0: not known
  uint32_t b_run = 0;     ///< the same in B
  float* c = nullptr;
  const ptrdiff_t* c_row = nullptr;
  ptrdiff_t c_column = 1;
  ptrdiff_t c_pitch = 0;  ///< between rows of C when it is the same for all; 0: not known
  /// A zero operand meets an infinity or NaN somewhere: products with a zero are left out one by one.
  bool masked = false;
  /// The operands were not looked at: sums that come out as an infinity or NaN are made again with masks. (None becomes
  /// finite again.) Not for Arithmetic::kFp16Sum, which saturates.
  bool looks_at_sums = false;
};

/// Runs the kernel on the best vector unit of the host. Uses workspace slots 0 and 1. Bytes are equal on every host;
/// only the payload and sign of NaN sums are not fixed (stores make NaN canonical).
void strided_gemm(Arithmetic arithmetic, const StridedGemm& problem, Workspace& workspace);

/// The same sums where columns lie side by side in B and C, in lines: nothing is packed or moved.
///   A(m, r) = a[a_row[m] + a_step[r]],  B(r, n) = b[b_line[l] + b_step[r] + n],  C(m, n) = c[c_line[l] + m * c_row +
///   n]
/// Up to kLineSlack elements behind a line of B are read. For few steps: A is read again for each line. No masks.
struct LineGemm {
  uint32_t rows = 0, columns = 0, steps = 0, lines = 0;
  const float* a = nullptr;
  const ptrdiff_t* a_row = nullptr;
  const ptrdiff_t* a_step = nullptr;
  const float* b = nullptr;
  const ptrdiff_t* b_line = nullptr;
  const ptrdiff_t* b_step = nullptr;
  float* c = nullptr;
  const ptrdiff_t* c_line = nullptr;
  ptrdiff_t c_row = 0;
  bool fresh = false;  ///< sums begin at zero: C is only written
};
inline constexpr uint32_t kLineSlack = 32;
void line_gemm(Arithmetic arithmetic, const LineGemm& problem);

/// True when any of the values is an infinity or NaN.
bool any_nonfinite(const float* values, size_t count);

}  // namespace backboard::npu
