/* Commands of networks that are graphs: joins, batch normalisation, activations, dropout, squared error. The rules of
 * npu_commands.h hold. Gradient norms and Adam as well. */
#ifndef DRIVERS_NPU_GRAPH_COMMANDS_H
#define DRIVERS_NPU_GRAPH_COMMANDS_H

#include "drivers/npu/npu_commands.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct npu_add_arguments {
  uint16_t layer;
  uint8_t phase; /**< enum npu_phase */
  uint32_t a, b, y;
  uint32_t mask; /**< 0: none */
  bool relu;
} npu_add_arguments;

typedef struct npu_concat_arguments {
  uint16_t layer;
  uint32_t a, b, y;
} npu_concat_arguments;

typedef struct npu_slice_arguments {
  uint16_t layer;
  uint8_t phase; /**< enum npu_phase */
  uint32_t x, y;
  uint32_t mask; /**< 0: none */
  uint16_t first_channel;
} npu_slice_arguments;

typedef struct npu_bn_moments_arguments {
  uint16_t layer;
  uint32_t x, moments;
  uint32_t running; /**< 0: none */
  float share;      /**< of the batch in the running moments; 0 without them */
  uint32_t loss;    /**< npu_loss_record whose `valid` images count; 0: all */
} npu_bn_moments_arguments;

typedef struct npu_bn_ff_arguments {
  uint16_t layer;
  uint32_t x, affine, y, moments;
  float epsilon;
  bool relu;
} npu_bn_ff_arguments;

typedef struct npu_bn_bp_arguments {
  uint16_t layer;
  uint32_t dy, dx, affine, moments;
  uint32_t x, gradient; /**< both, when the moments are the batch's; both 0 when they are constants */
  float epsilon;
  uint32_t loss; /**< npu_loss_record whose `valid` images count; 0: all */
} npu_bn_bp_arguments;

typedef struct npu_bn_wg_arguments {
  uint16_t layer;
  uint32_t dy, x, gradient, moments;
  float epsilon;
  uint32_t loss; /**< npu_loss_record whose `valid` images count; 0: all */
} npu_bn_wg_arguments;

/** Activations forward; `number`: slope of LEAKY_FF, else 0. */
typedef struct npu_activation_ff_arguments {
  uint16_t layer;
  uint32_t x, y;
  float number;
} npu_activation_ff_arguments;

/** Activations backward; `y`: output of the forward pass. */
typedef struct npu_activation_bp_arguments {
  uint16_t layer;
  uint32_t dy, dx, y;
  float number;
} npu_activation_bp_arguments;

typedef struct npu_gelu_bp_arguments {
  uint16_t layer;
  uint32_t dy, dx, x; /**< x: input of the forward pass */
} npu_gelu_bp_arguments;

typedef struct npu_dropout_arguments {
  uint16_t layer; /**< chooses the stream */
  uint8_t phase;  /**< enum npu_phase; the error takes the same way as the value */
  uint32_t x, y;
  float rate;
  uint32_t parameters; /**< address of the npu_hyper record: seed, step */
} npu_dropout_arguments;

typedef struct npu_norm_arguments {
  uint16_t layer;
  uint32_t gradient;
  uint32_t norm; /**< address of the npu_norm_record */
} npu_norm_arguments;

typedef struct npu_adam_arguments {
  uint16_t layer;
  uint32_t gradient, weights, momentum, second;
  uint32_t copy;       /**< weights in the engine's format; 0: none */
  uint32_t parameters; /**< address of the npu_hyper record */
  uint32_t adam;       /**< address of the npu_adam record */
} npu_adam_arguments;

/** y = a + b (ReLU), where the mask is above zero. */
npu_result npu_add(npu_command* command, const npu_add_arguments* arguments);
/** Channels of a, then those of b. */
npu_result npu_concat(npu_command* command, const npu_concat_arguments* arguments);
/** Some channels of x. */
npu_result npu_slice(npu_command* command, const npu_slice_arguments* arguments);
/** Mean and variance of each channel. */
npu_result npu_bn_moments(npu_command* command, const npu_bn_moments_arguments* arguments);
/** Batch normalisation forward. */
npu_result npu_bn_ff(npu_command* command, const npu_bn_ff_arguments* arguments);
/** Batch normalisation, error of the input. */
npu_result npu_bn_bp(npu_command* command, const npu_bn_bp_arguments* arguments);
/** Gradients of gamma and beta. */
npu_result npu_bn_wg(npu_command* command, const npu_bn_wg_arguments* arguments);
/** y = x, or slope * x below zero. */
npu_result npu_leaky_ff(npu_command* command, const npu_activation_ff_arguments* arguments);
/** Error of leaky ReLU's input. */
npu_result npu_leaky_bp(npu_command* command, const npu_activation_bp_arguments* arguments);
/** y = 1 / (1 + exp(-x)). */
npu_result npu_sigmoid_ff(npu_command* command, const npu_activation_ff_arguments* arguments);
/** Error of the sigmoid's input. */
npu_result npu_sigmoid_bp(npu_command* command, const npu_activation_bp_arguments* arguments);
/** y = tanh(x). */
npu_result npu_tanh_ff(npu_command* command, const npu_activation_ff_arguments* arguments);
/** Error of tanh's input. */
npu_result npu_tanh_bp(npu_command* command, const npu_activation_bp_arguments* arguments);
/** y = x * (1 + erf(x / sqrt(2))) / 2; not every engine offers it. */
npu_result npu_gelu_ff(npu_command* command, const npu_activation_ff_arguments* arguments);
/** Error of GELU's input. */
npu_result npu_gelu_bp(npu_command* command, const npu_gelu_bp_arguments* arguments);
/** Zeros some elements and scales the others. */
npu_result npu_dropout(npu_command* command, const npu_dropout_arguments* arguments);
/** Mean squared error against one-hot labels: error of the logits; loss and hits into the loss record. */
npu_result npu_mse(npu_command* command, const npu_softmax_ce_arguments* arguments);

/** Sum of squares of a gradient. */
npu_result npu_norm(npu_command* command, const npu_norm_arguments* arguments);
/** Update by Adam. */
npu_result npu_adam_update(npu_command* command, const npu_adam_arguments* arguments);

/** Makes a ReLU a ReLU6, or a mask that of one. NPU_BAD_ARGUMENT: no command, or one without ReLU or mask. */
npu_result npu_clip6(npu_command* command);
/** Lets average pooling add instead. NPU_BAD_ARGUMENT: no command, or not an average pooling. */
npu_result npu_sum(npu_command* command);
/** Lets average pooling divide by the elements that lie in the input, without padding. NPU_BAD_ARGUMENT: as npu_sum. */
npu_result npu_exclude_pad(npu_command* command);

#ifdef __cplusplus
}
#endif

#endif
