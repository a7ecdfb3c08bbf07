// A tile of a convolution, in FF, BP or WG, as calls of the strided GEMM. Shared by the engines whose sums are
// sequential in the written order.
#pragma once

#include "npu/engine/gemm_tile.h"
#include "npu/engine/layer_shape.h"
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

/// Operands and sums by pass, uses workspace slots 0 to 7:
///   FF: acc (y strides) += x * w over (c, kh, kw); first x, second w
///   BP: acc (x strides) += dy * w over (k, kh, kw); first dy, second w
///   WG: acc (w strides) += dy * x over (n, oh, ow); first x, second dy
void conv_gemm(Arithmetic arithmetic, Pass pass, const ConvTile& tile, const float* first, const float* second,
               float* acc, Workspace& workspace);
/// The same with an engine's own kernel.
void conv_gemm(const GemmKernel& kernel, Pass pass, const ConvTile& tile, const float* first, const float* second,
               float* acc, Workspace& workspace);

}  // namespace backboard::npu
