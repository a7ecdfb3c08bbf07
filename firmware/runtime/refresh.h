/* Hands the weights of a training to the inference beside it: a COPY command for each parameter of the inference's
 * plan, from the training's tensor of the same name. The NPU moves them, so no cache of the core is in the way. */
#ifndef FIRMWARE_RUNTIME_REFRESH_H
#define FIRMWARE_RUNTIME_REFRESH_H

#include "firmware/runtime/session.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct refresh_commands {
  uint32_t count;
  npu_command commands[SESSION_SECOND_RING_COMMANDS];
} refresh_commands;

/** Puts the commands together. RUN_ERROR_NONE; INFERENCE_WEIGHTS when a parameter of the inference has no tensor of its
 *  name, shape and format in the training, or the training trains one that the inference does not have; INFERENCE_RING
 *  when they do not fit in ring 1 together with the encoding of the weights. */
run_error refresh_prepare(refresh_commands* refresh, const session* training, const session* inference);

#ifdef __cplusplus
}
#endif

#endif
