// The norm of a gradient, for clipping.
#pragma once

#include "npu/vector/softmax_loss.h"
#include "npu/vector/tile.h"
#include "npu/vector/vector_facts.h"

namespace backboard::npu {

/// Adds the squares of a tile of whole images to sums.loss_sum and the number of elements that are not finite, which it
/// leaves out, to sums.correct. Order (npu_norm_record): element i of an image adds to lane i mod 16, the lanes are
/// added in their order, and so are the images. The tile's images are dense.
VectorFacts add_norm(const ConstTile& gradient, LossSums& sums);

}  // namespace backboard::npu
