/* A typed function for each command of the NPU (the list is OPCODE in npu_command.def): it checks its arguments and
 * fills the 64 bytes. Operands are addresses, as the NPU sees them, of tensor descriptors (npu_tensor.h); shapes are
 * given with each operand in npu_command.def.
 *
 * All functions: NPU_OK, or NPU_BAD_ARGUMENT when a pointer is null, a required operand is 0, an operand is not 64-byte
 * aligned, a record is not 32-byte aligned, or a combination makes no sense; then `command` was not touched.
 * No function touches the device. In all arguments zero means: not used, or the default that is stated. */
#ifndef DRIVERS_NPU_COMMANDS_H
#define DRIVERS_NPU_COMMANDS_H

#include "drivers/npu/npu.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Tile sizes; 0: the NPU chooses. Meaning by command: see npu_command.def. */
typedef struct npu_tile {
  uint16_t k, rows, c, n;
} npu_tile;

/** Geometry of a convolution. */
typedef struct npu_convolution {
  uint8_t stride_h, stride_w;     /**< 0: 1 */
  uint8_t pad_h, pad_w;           /**< zero rows and columns on both sides */
  uint8_t dilation_h, dilation_w; /**< 0: 1 */
  uint16_t groups;                /**< 0 and 1: dense */
  int8_t pad_more_h, pad_more_w;  /**< zero rows below, columns right beyond pad_h, pad_w; negative: fewer */
} npu_convolution;

/** Geometry of a pooling window. */
typedef struct npu_pooling {
  uint8_t kernel_h, kernel_w; /**< at least 1 */
  uint8_t stride_h, stride_w; /**< 0: as the kernel */
  uint8_t pad_h, pad_w;
} npu_pooling;

/** An update by the SGD unit: on the write-back path (WG commands, when `weights` is given) or as a command. */
typedef struct npu_update {
  uint32_t weights;    /**< master weights; 0: no update, the gradient is stored */
  uint32_t momentum;   /**< 0: none */
  uint32_t copy;       /**< weights in the engine's format; 0: none */
  uint32_t parameters; /**< address of the npu_hyper record; required with `weights` */
} npu_update;

typedef struct npu_copy_arguments {
  uint16_t layer;
  uint8_t phase; /**< enum npu_phase */
  uint32_t source, destination;
} npu_copy_arguments;

typedef struct npu_convert_arguments {
  uint16_t layer;
  uint8_t phase; /**< enum npu_phase */
  uint32_t source, destination;
  uint32_t gather; /**< ENCODE: address of one image number (uint32_t) per image of the destination; 0: none */
  npu_tile tile;
} npu_convert_arguments;

typedef struct npu_conv_ff_arguments {
  uint16_t layer;
  uint32_t x, weights, y;
  uint32_t bias; /**< 0: none */
  bool relu;
  npu_convolution geometry;
  npu_tile tile;
} npu_conv_ff_arguments;

typedef struct npu_conv_bp_arguments {
  uint16_t layer;
  uint32_t dy, weights, dx;
  uint32_t mask; /**< 0: none */
  npu_convolution geometry;
  npu_tile tile;
} npu_conv_bp_arguments;

typedef struct npu_conv_wg_arguments {
  uint16_t layer;
  uint32_t x, dy;
  uint32_t gradient; /**< required without update, 0 with it */
  npu_update update;
  bool accumulate; /**< continue the gradient in memory; not with update */
  npu_convolution geometry;
  npu_tile tile;
} npu_conv_wg_arguments;

typedef struct npu_fc_ff_arguments {
  uint16_t layer;
  uint32_t x, weights, y;
  uint32_t bias; /**< 0: none */
  bool relu;
  npu_tile tile;
} npu_fc_ff_arguments;

typedef struct npu_fc_bp_arguments {
  uint16_t layer;
  uint32_t dy, weights, dx;
  uint32_t mask; /**< 0: none */
  npu_tile tile;
} npu_fc_bp_arguments;

typedef struct npu_fc_wg_arguments {
  uint16_t layer;
  uint32_t x, dy;
  uint32_t gradient; /**< required without update, 0 with it */
  npu_update update;
  bool accumulate; /**< continue the gradient in memory; not with update */
  npu_tile tile;
} npu_fc_wg_arguments;

typedef struct npu_relu_ff_arguments {
  uint16_t layer;
  uint32_t x, y;
} npu_relu_ff_arguments;

typedef struct npu_relu_bp_arguments {
  uint16_t layer;
  uint32_t dy, dx, mask;
} npu_relu_bp_arguments;

typedef struct npu_maxpool_ff_arguments {
  uint16_t layer;
  uint32_t x, y;
  uint32_t index; /**< 0: none */
  npu_pooling geometry;
} npu_maxpool_ff_arguments;

typedef struct npu_maxpool_bp_arguments {
  uint16_t layer;
  uint32_t dy, index, dx;
  uint32_t mask; /**< 0: none */
  npu_pooling geometry;
} npu_maxpool_bp_arguments;

typedef struct npu_avgpool_ff_arguments {
  uint16_t layer;
  uint32_t x, y;
  npu_pooling geometry;
} npu_avgpool_ff_arguments;

typedef struct npu_avgpool_bp_arguments {
  uint16_t layer;
  uint32_t dy, dx;
  npu_pooling geometry;
} npu_avgpool_bp_arguments;

typedef struct npu_globalpool_ff_arguments {
  uint16_t layer;
  uint32_t x, y;
} npu_globalpool_ff_arguments;

typedef struct npu_globalpool_bp_arguments {
  uint16_t layer;
  uint32_t dy, dx;
} npu_globalpool_bp_arguments;

typedef struct npu_bias_ff_arguments {
  uint16_t layer;
  uint32_t x, y, bias;
} npu_bias_ff_arguments;

typedef struct npu_bias_wg_arguments {
  uint16_t layer;
  uint32_t dy;
  uint32_t gradient; /**< required without update, 0 with it */
  npu_update update; /**< `copy` is not used */
  bool accumulate;   /**< continue the gradient in memory; not with update */
} npu_bias_wg_arguments;

typedef struct npu_softmax_ce_arguments {
  uint16_t layer;
  uint32_t logits, labels, error;
  uint32_t parameters; /**< address of the npu_hyper record: loss_scale */
  uint32_t loss;       /**< address of the npu_loss_record */
} npu_softmax_ce_arguments;

typedef struct npu_sgd_arguments {
  uint16_t layer;
  uint32_t gradient;
  npu_update update; /**< `weights` and `parameters` are required */
} npu_sgd_arguments;

/** Nothing. */
npu_result npu_nop(npu_command* command);
/** Waits for all commands before it, sets NPU_FENCE to `value`, raises the interrupt if asked. npu_submit_fenced
 * numbers its fences itself; mixing both kinds is the caller's business. */
npu_result npu_fence(npu_command* command, uint32_t value, bool interrupt);
/** Opens a group of commands that run together. */
npu_result npu_group_begin(npu_command* command, uint16_t layer);
/** Closes the group. */
npu_result npu_group_end(npu_command* command, uint16_t layer);
/** Copies a dense tensor. */
npu_result npu_copy(npu_command* command, const npu_copy_arguments* arguments);
/** Converts a dense tensor into any format, with an optional choice of images. */
npu_result npu_encode(npu_command* command, const npu_convert_arguments* arguments);
/** Converts a tensor of any format into a dense one; `gather` must be 0. */
npu_result npu_decode(npu_command* command, const npu_convert_arguments* arguments);
/** Convolution forward: y = x * w (+ bias) (ReLU). */
npu_result npu_conv_ff(npu_command* command, const npu_conv_ff_arguments* arguments);
/** Error of a convolution's input: dx = dy * w transposed, where the mask is above zero. */
npu_result npu_conv_bp(npu_command* command, const npu_conv_bp_arguments* arguments);
/** Weight gradient of a convolution, stored or used for an update at once. */
npu_result npu_conv_wg(npu_command* command, const npu_conv_wg_arguments* arguments);
/** Fully connected layer forward. */
npu_result npu_fc_ff(npu_command* command, const npu_fc_ff_arguments* arguments);
/** Error of a fully connected layer's input. */
npu_result npu_fc_bp(npu_command* command, const npu_fc_bp_arguments* arguments);
/** Weight gradient of a fully connected layer, stored or used for an update at once. */
npu_result npu_fc_wg(npu_command* command, const npu_fc_wg_arguments* arguments);
/** y = max(x, 0). */
npu_result npu_relu_ff(npu_command* command, const npu_relu_ff_arguments* arguments);
/** dx = dy where the mask is above zero. */
npu_result npu_relu_bp(npu_command* command, const npu_relu_bp_arguments* arguments);
/** Maximum over windows. */
npu_result npu_maxpool_ff(npu_command* command, const npu_maxpool_ff_arguments* arguments);
/** Error to the places of the maxima. */
npu_result npu_maxpool_bp(npu_command* command, const npu_maxpool_bp_arguments* arguments);
/** Mean over windows. */
npu_result npu_avgpool_ff(npu_command* command, const npu_avgpool_ff_arguments* arguments);
/** Error shared over windows. */
npu_result npu_avgpool_bp(npu_command* command, const npu_avgpool_bp_arguments* arguments);
/** Mean over (h, w). */
npu_result npu_globalpool_ff(npu_command* command, const npu_globalpool_ff_arguments* arguments);
/** Error shared over (h, w). */
npu_result npu_globalpool_bp(npu_command* command, const npu_globalpool_bp_arguments* arguments);
/** y = x + bias over channels. */
npu_result npu_bias_ff(npu_command* command, const npu_bias_ff_arguments* arguments);
/** Bias gradient, stored or used for an update at once. */
npu_result npu_bias_wg(npu_command* command, const npu_bias_wg_arguments* arguments);
/** Softmax with cross-entropy: error of the logits; loss and hits into the loss record. */
npu_result npu_softmax_ce(npu_command* command, const npu_softmax_ce_arguments* arguments);
/** Update by a stored gradient. */
npu_result npu_sgd(npu_command* command, const npu_sgd_arguments* arguments);

#ifdef __cplusplus
}
#endif

#endif
