// The vector kernel of daa: a GEMM whose steps go in pairs, of which one product is high and the other low.
#pragma once

#include <cstdint>

#include "npu/engine/daa/config.h"
#include "npu/engine/daa/pair_layout.h"
#include "npu/engine/strided_gemm.h"
#include "npu/numerics/format.h"

namespace backboard::npu::daa {

/// The coins of Arbiter::kRandom: the first product of a pair goes to the high unit when U(row, pair) >= V(column,
/// pair), two uniform draws of counter-based streams (npu/sgd/random_stream.h). Places are those in the whole tensors,
/// so that draws do not depend on tiles.
struct Coins {
  uint32_t seed = 0;
  uint32_t first_pair = 0;  ///< number of the GEMM's first pair in the whole reduction
  const uint32_t* row_places = nullptr;
  uint32_t first_column = 0;  ///< place of column 0
  bool swapped = false;       ///< rows draw V and columns U

  /// What is weighed: of_row(m, i) >= of_column(n, i).
  float of_row(uint32_t row, uint32_t pair) const;
  float of_column(uint32_t column, uint32_t pair) const;
};

/// What decides, and the low format.
struct PairRule {
  Arbiter arbiter = Arbiter::kValue;
  bool all_low = false;  ///< both products are low
  const FormatRow* low = nullptr;
};

/// C(m, n) += A(m, 2i) B(2i, n), then += A(m, 2i + 1) B(2i + 1, n), for i in order; an odd last step stands alone.
/// Operands are bfloat16 values. Of the two products one goes to the high unit (operands as they are) and one to the
/// low one (operands rounded to `low`, nearest even); each is rounded to binary32, then added and rounded. A product
/// with a zero operand leaves the high unit to the other one, and adds nothing, as does one whose operand the low
/// format rounds to zero. Otherwise, for Arbiter::kValue, the first product is high unless the sum of its operands'
/// exponent fields is the smaller one. Uses workspace slots 0, 1, 8, 9, 13 and 14.
void pair_gemm(const PairRule& rule, const Coins& coins, const StridedGemm& problem, Workspace& workspace);

/// The same sums for positions that lie side by side, all operands finite: rows are weights, columns positions. Not for
/// Arbiter::kRandom. Uses workspace slots 0, 1, 8 and 13.
void pair_lines(const PairRule& rule, const LineGemm& problem, Workspace& workspace);

/// What the rule makes of operands.
Derivation derivation_of(const PairRule& rule);

/// 1-8-m.
const FormatRow& low_format(uint32_t mantissa_bits);

}  // namespace backboard::npu::daa
