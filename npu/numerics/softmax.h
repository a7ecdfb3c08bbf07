// Softmax with cross-entropy over one batch of logits, with a written order of sums.
#pragma once

#include <cstdint>
#include <span>

namespace backboard::npu {

/// What the loss command writes back (npu_loss_record).
struct LossResult {
  float loss_sum = 0;      ///< sum of -log p[label] over the valid images, added in order of n, binary32
  uint32_t correct = 0;    ///< images whose largest logit (first of equals) is the label
  uint64_t nonfinite = 0;  ///< logits that were NaN or infinite
};

/// error = (softmax(logits) - one_hot(label)) * (loss_scale / valid), rows from `valid` on are zero.
/// logits and error: (n, classes), row-major, same size; labels: n values below `classes` (others: the row has no
/// one-hot term, counts as wrong and adds no loss). 1 <= valid <= n.
///
/// Per row, all in binary32: m = largest logit; e[i] = exp_f32(logit[i] - m); s = e[0] + e[1] + ... in order of i;
/// p[i] = e[i] / s; loss = log_f32(s) - (logit[label] - m); error[i] = (p[i] - t[i]) * (loss_scale / valid).
LossResult softmax_cross_entropy(std::span<const float> logits, uint32_t classes, std::span<const uint8_t> labels,
                                 uint32_t valid, float loss_scale, std::span<float> error);

}  // namespace backboard::npu
