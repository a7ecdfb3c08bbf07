/* Small records that commands read or write in memory, little-endian. C11 and C++. */
#ifndef DRIVERS_NPU_RECORDS_H
#define DRIVERS_NPU_RECORDS_H

#include <stdint.h>

/** Hyper-parameters of an update or a loss (field `parameters`), 32 bytes, 32-byte aligned.
 *  Update, element by element, in binary32, each operation rounded once:
 *    g = gradient * gradient_scale;  g = g + weight_decay * w;
 *    with momentum: v = momentum * v + g;  g = v;
 *    w = w - learning_rate * g, then rounded to the format of w.
 *  An element whose gradient is not finite is left as it was and counted. */
typedef struct npu_hyper {
  float learning_rate;
  float momentum;
  float weight_decay;
  float gradient_scale; /**< 1 / loss scale */
  float loss_scale;
  uint32_t flags; /**< NPU_HYPER_ bits */
  uint32_t seed;  /**< of the stream for stochastic rounding */
  uint32_t step;  /**< counter of the stream */
} npu_hyper;

#define NPU_HYPER_STOCHASTIC 1u /**< round updated weights stochastically to their format */

/** Loss record (SOFTMAX_CE), 32 bytes, 32-byte aligned. */
typedef struct npu_loss_record {
  uint32_t valid;   /**< in: images that count, 1 to n */
  float loss_sum;   /**< out: sum of -log p over valid images, in order of n */
  uint32_t correct; /**< out: images whose largest logit (first of equals) is the label */
  uint32_t reserved[5];
} npu_loss_record;

/** Tensor statistics, written when a tensor is produced (descriptor field `statistics`), 32 bytes, 32-byte aligned.
 *  Each element is counted once, when it is produced. */
typedef struct npu_tensor_statistics {
  uint32_t elements;
  uint32_t zeros;
  uint32_t low;  /**< FGMP: stored as FP8 */
  uint32_t high; /**< FGMP: stored as FP16; dense formats: all non-zeros */
  uint32_t saturated;
  uint32_t nonfinite;
  float largest; /**< largest magnitude stored */
  uint32_t reserved;
} npu_tensor_statistics;

#endif
