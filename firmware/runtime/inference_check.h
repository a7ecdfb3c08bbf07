/* Is the inference that runs beside a training sound, and apart from it in memory? */
#ifndef FIRMWARE_RUNTIME_INFERENCE_CHECK_H
#define FIRMWARE_RUNTIME_INFERENCE_CHECK_H

#include "drivers/plan/inference_block.h"
#include "firmware/runtime/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Checks the inference block that the run block of a checked session names, its plan, and that its memory meets
 * nothing of the run. Fills run, plan, evaluation data and limits of `inference`; writes nothing else. RUN_ERROR_NONE,
 * INFERENCE_BLOCK, DATA_MISSING (requests take evaluation images), RUN_OVERLAP, INFERENCE_RING (the program is too
 * long), or a RUN_ERROR_PLAN_ or RUN_ERROR_DATA_ code of its plan. */
run_error inference_check(const session* training, session* inference);

#ifdef __cplusplus
}
#endif

#endif
