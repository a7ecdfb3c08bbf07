// A tile of a convolution, in FF, BP or WG, as calls of the strided GEMM. Shared by the engines whose sums are
// sequential in the written order.
#pragma once

#include <functional>

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
  /// Steps of WG may come in several calls, cut at multiples of this in the order of the sums. 0: all come at once.
  virtual uint32_t step_group() const { return 0; }
  /// Whether FF and BP may come as lines, with the sides swapped: rows are output (input) channels, columns positions.
  virtual bool takes_lines() const { return false; }
  virtual void run(const LineGemm& gemm, Workspace& workspace) const;
};

/// The GEMMs of a tile, without operands: visit(rows, columns, steps) for each that a kernel of an engine is called for
/// when it takes neither lines nor parts of sums.
void for_each_gemm(Pass pass, const ConvTile& tile,
                   const std::function<void(uint32_t rows, uint32_t columns, uint32_t steps)>& visit);

/// Operands and sums by pass, uses workspace slots 0 to 7:
///   FF: acc (y strides) += x * w over (c, kh, kw); first x, second w
///   BP: acc (x strides) += dy * w over (k, kh, kw); first dy, second w
///   WG: acc (w strides) += dy * x over (n, oh, ow); first x, second dy
/// Classes only tell sooner where zeros are; there may be none. FF of a fresh tile writes y in place of adding to it.
void conv_gemm(Arithmetic arithmetic, Pass pass, const ConvTile& tile, const Operand& first, const Operand& second,
               float* acc, Workspace& workspace);
/// The same with an engine's own kernel.
void conv_gemm(const GemmKernel& kernel, Pass pass, const ConvTile& tile, const float* first, const float* second,
               float* acc, Workspace& workspace);

}  // namespace backboard::npu
