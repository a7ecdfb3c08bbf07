/* Inference requests beside a training: what the host asks for, and what the firmware reports. C11 and C++. The run
 * block (run_block.h) names the address of the inference block. */
#ifndef DRIVERS_INFERENCE_BLOCK_H
#define DRIVERS_INFERENCE_BLOCK_H

#include <stdint.h>

#define INFERENCE_MAGIC 0x464E4942u        /* "BINF" */
#define INFERENCE_RESULT_MAGIC 0x52464942u /* "BIFR" */
#define INFERENCE_VERSION 2u               /* 1: weights never changed */
#define INFERENCE_MAX_REQUESTS 4096u
/** Least mean time between requests: at random they come at multiples of a sixteenth of it. */
#define INFERENCE_SLOTS 16u

typedef struct inference_block {
  uint32_t magic;
  uint32_t version;
  uint32_t plan_address, plan_bytes; /**< plan of the forward pass, with an arena and weights of its own */
  uint32_t result_address, result_bytes;
  uint32_t requests;       /**< 1 to INFERENCE_MAX_REQUESTS */
  uint32_t interval_ticks; /**< between requests, of the core's timer; their mean when `random` */
  uint32_t random;         /**< 0: one each interval; 1: in each sixteenth of it one with probability 1/16 */
  uint32_t seed;           /**< of the random times */
  uint32_t priority_training, priority_inference; /**< of the NPU's rings, 0 to 15; the larger is next */
  uint32_t refresh_steps; /**< steps of the training after which the weights become those of the training; 0: never */
} inference_block;

typedef struct inference_result {
  uint32_t magic;
  uint32_t version;
  uint32_t served;       /**< requests answered */
  uint32_t beside;       /**< the first so many of them came while the training ran */
  uint32_t images;       /**< of all answers */
  uint32_t correct;      /**< images whose largest logit is that of their label */
  uint32_t digest;       /**< CRC-32 of the loss and hits (8 bytes) of every answer, in their order */
  uint32_t most_waiting; /**< requests at once, the one that was served included */
  uint32_t refreshes;    /**< times that the weights were taken over */
  uint32_t reserved[7];
  uint32_t latency_ticks[INFERENCE_MAX_REQUESTS]; /**< from the time a request was due to its answer */
} inference_result;

/** Place, counted from 0, of the `percent`-th percentile among `count` sorted values: the nearest rank, so that it is
 *  one of them. `count` is not 0, `percent` 1 to 100. */
static inline uint32_t inference_rank(uint32_t count, uint32_t percent) {
  return (uint32_t)(((uint64_t)count * percent + 99) / 100) - 1;
}

#endif
