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
#define NPU_HYPER_NESTEROV \
  2u /**< with momentum: g = g + momentum * v in place of g = v (Sutskever et al., ICML 2013) */

/** What ADAM needs beside npu_hyper (whose `momentum` is beta1), 32 bytes, 32-byte aligned. Element by element, in
 *  binary32, each operation rounded once (Kingma and Ba, ICLR 2015; weight decay as L2):
 *    g = gradient * gradient_scale;  g = g + weight_decay * w;
 *    m = beta1 * m + (1 - beta1) * g;  v = beta2 * v + (1 - beta2) * (g * g);
 *    w = w - learning_rate * ((m * correction1) / (sqrt(v * correction2) + epsilon)).
 *  An element whose gradient is not finite is left as it was and counted. */
typedef struct npu_adam {
  float beta2;
  float epsilon;
  float correction1; /**< 1 / (1 - beta1^t), t the number of the update from 1 on */
  float correction2; /**< 1 / (1 - beta2^t) */
  uint32_t reserved[4];
} npu_adam;

/** Norm record (NORM), 32 bytes, 32-byte aligned; written whole. The sum is that of images n in order; within one,
 *  element i of (c, h, w) adds to lane i mod 16, and the lanes are added in their order. Elements that are not finite
 *  are counted and left out. */
typedef struct npu_norm_record {
  uint32_t reserved;
  float sum_of_squares; /**< out */
  uint32_t nonfinite;   /**< out */
  uint32_t reserved2[5];
} npu_norm_record;

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
