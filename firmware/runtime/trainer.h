/* The run itself: load, evaluate, train by epochs, steer, checkpoint, report. */
#ifndef FIRMWARE_RUNTIME_TRAINER_H
#define FIRMWARE_RUNTIME_TRAINER_H

#include "firmware/runtime/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Trains as the run block at `run_address` says, prints its progress and fills the result block. Returns the exit
 * code: 0 or a run_error, whose line was printed. */
uint32_t trainer_train(uint32_t run_address);

/** Only evaluates: accuracy and NPU cycles an image, weights of the plan or, with `resume`, of the newest checkpoint.
 *  Returns as trainer_train. */
uint32_t trainer_infer(uint32_t run_address);

#ifdef __cplusplus
}
#endif

#endif
