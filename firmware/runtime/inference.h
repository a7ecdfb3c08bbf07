/* Answers inference requests while something else uses the core and ring 0 of the NPU: a timer brings the requests,
 * ring 1 runs their forward passes, and everything between happens in interrupts. Weights are those of the inference's
 * own plan, copied once: answers depend on no training, unless the block says after how many steps the inference takes
 * over the weights. Request k takes the evaluation images from (k * batch) on,
 * round and round. */
#ifndef FIRMWARE_RUNTIME_INFERENCE_H
#define FIRMWARE_RUNTIME_INFERENCE_H

#include "firmware/runtime/inference_check.h"
#include "firmware/runtime/requests.h"

#ifdef __cplusplus
extern "C" {
#endif

typedef struct inference_server {
  session own; /**< plan and data; its `device` is not used */
  npu* device;
  const npu_patience* patience;
  const inference_block* block;
  inference_result* result;
  uint64_t next_due_ticks;    /**< of request `due` */
  uint64_t current_due_ticks; /**< of request `served`, the one that runs or is next to run */
  volatile uint32_t due;      /**< requests that have come */
  volatile uint32_t served;
  bool held;                /**< no request is begun: weights are being taken over */
  bool running;             /**< request `served` is on ring 1 */
  uint32_t fence;           /**< of it */
  volatile run_error error; /**< that ended the service; no request is begun any more */
} inference_server;

/** Opens ring 1, sets the priorities, loads weights and descriptors and lets the NPU encode them. `training` was
 * checked and its NPU runs; `server->own` comes from inference_check. RUN_ERROR_NONE, NPU_CAPABILITY, INFERENCE_RING,
 *  INFERENCE_WEIGHTS, INFERENCE_COMMAND or INFERENCE_HUNG. */
run_error inference_start(inference_server* server, session* training);

/** From now on requests come. */
void inference_open(inference_server* server);

/** To be called for each interrupt of the NPU with the bits that npu_interrupt returned. */
void inference_interrupt(inference_server* server, uint32_t npu_bits);

/** To be called between two steps of the training, when `steps` are done. Where it is time, lets the request on the
 * ring end, has the NPU copy and encode the weights as they are now, and lets requests go on. RUN_ERROR_NONE, also when
 * the service has ended; INFERENCE_RING, INFERENCE_COMMAND or INFERENCE_HUNG. */
run_error inference_step_done(inference_server* server, uint32_t steps);

/** The training is over: requests from now on do not count as beside it. */
void inference_training_over(inference_server* server);

/** Sleeps until all requests of the block are answered or the service ended; completes and publishes the result.
 *  RUN_ERROR_NONE, INFERENCE_COMMAND or INFERENCE_HUNG. */
run_error inference_finish(inference_server* server);

/** "inference: 200 requests ..."; latencies of those beside the training, or of all when there was none. */
void inference_report(const inference_server* server);

#ifdef __cplusplus
}
#endif

#endif
