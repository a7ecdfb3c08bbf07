// Losses: the error of the logits, the loss and the hits of a batch.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include "npu/vector/tile.h"
#include "npu/vector/vector_facts.h"

namespace backboard::npu {

/// What the loss needs to know of the whole batch.
struct LossParameters {
  uint32_t valid = 0;       ///< images that count, 1 to n of the tensor
  float loss_scale = 1.0f;  ///< factor of the error
};

/// What a batch adds up to; starts as constructed and continues over tiles in the order of n.
struct LossSums {
  float loss_sum = 0.0f;  ///< sum of -log p(label), in order of n, each addition rounded to binary32
  uint32_t correct = 0;   ///< images whose largest logit (first of equals; the first NaN, if any) is the label
  bool operator==(const LossSums&) const = default;
};

/// Outcome of one tile of images.
struct TileLoss {
  VectorFacts facts;
  /// First image (absolute) below `valid` whose label is not below the number of classes. Then nothing was written
  /// and `sums` is as it was.
  std::optional<uint32_t> bad_label;
};

/// For each image of the tile `logits` (n, classes, 1, 1) with image number below `valid`, all in binary32:
///   m = largest logit;  e[c] = exp_f32(x[c] - m);  s = sum of e[c] in order of c;
///   error[c] = (e[c] / s - (c == label)) * (loss_scale / valid), the last factor rounded once;
///   loss_sum += log_f32(s) - (x[label] - m).
/// Rows from `valid` on get zero errors; their labels are not looked at. A NaN among the logits makes errors and loss
/// NaN. A tile holds all classes (c0 = 0). `labels` holds those of images n0 to n0 + n, a byte each or two
/// (low, high). Stores are canonical
/// (elementwise.h). error has the box of logits and may be the same tile.
TileLoss softmax_loss(const ConstTile& logits, std::span<const uint8_t> labels, const LossParameters& parameters,
                      const Tile& error, LossSums& sums);

/// Mean squared error against one-hot labels. For each image that counts, in binary32, over c in order:
///   d[c] = x[c] - (c == label);  error[c] = d[c] * (2 * loss_scale / (classes * valid)), the factor rounded once;
///   loss_sum += (sum of d[c] * d[c]) / classes.
/// All else as softmax_loss.
TileLoss squared_loss(const ConstTile& logits, std::span<const uint8_t> labels, const LossParameters& parameters,
                      const Tile& error, LossSums& sums);

}  // namespace backboard::npu
