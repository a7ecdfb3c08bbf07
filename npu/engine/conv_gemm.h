// A tile of a convolution, in FF, BP or WG, as calls of the strided GEMM. Shared by the engines whose sums are
// sequential in the written order.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/strided_gemm.h"

namespace backboard::npu {

/// Carries out the GEMMs that a convolution is made of, in the place of strided_gemm(). A convolution is one GEMM; BP
/// with strides is one for each residue of the input positions. Steps come in the written order of the sums: FF (c, kh,
/// kw) and WG (n, oh, ow) with the taps on padding, whose operand is a zero; BP the (k, kh, kw) that the stride lets
/// through, with zeros beyond the edges.
class GemmKernel {
 public:
  virtual ~GemmKernel() = default;
  /// May use workspace slots 0, 1 and from 8 on.
  virtual void run(const StridedGemm& gemm, Workspace& workspace) const = 0;
  /// Whether run() looks at StridedGemm::masked, for which all operands are read once more.
  virtual bool wants_mask() const { return true; }
};
void conv_ff(const GemmKernel& kernel, const ConvTile& tile, const float* x, const float* w, float* acc,
             Workspace& workspace);
void conv_bp(const GemmKernel& kernel, const ConvTile& tile, const float* dy, const float* w, float* acc,
             Workspace& workspace);
void conv_wg(const GemmKernel& kernel, const ConvTile& tile, const float* x, const float* dy, float* acc,
             Workspace& workspace);

/// acc (y strides) += x * w over (c, kh, kw). Uses workspace slots 0 to 7, as the others do.
void conv_ff(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* w, float* acc,
             Workspace& workspace);
/// acc (x strides) += dy * w over (k, kh, kw).
void conv_bp(Arithmetic arithmetic, const ConvTile& tile, const float* dy, const float* w, float* acc,
             Workspace& workspace);
/// acc (w strides) += dy * x over (n, oh, ow).
void conv_wg(Arithmetic arithmetic, const ConvTile& tile, const float* x, const float* dy, float* acc,
             Workspace& workspace);

}  // namespace backboard::npu
