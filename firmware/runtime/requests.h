/* When inference requests come, and what their latencies come to. */
#ifndef FIRMWARE_RUNTIME_REQUESTS_H
#define FIRMWARE_RUNTIME_REQUESTS_H

#include "drivers/plan/inference_block.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Longest random interval in sixteenths of the mean: one in ten million would be longer. */
#define REQUESTS_MOST_SLOTS 256u

/** Ticks between request `number` and the one before it (0: and the start). At random: a multiple of a sixteenth of the
 *  block's interval, rounded down, each with probability 1/16 once it is reached, so that the mean is the interval; a
 *  function of seed and number alone. */
uint32_t requests_interval(const inference_block* block, uint32_t number);

/** Value at the `percent`-th percentile of the first `count` latencies, by nearest rank; 0 when count is 0. */
uint32_t requests_percentile(const inference_result* result, uint32_t count, uint32_t percent);

#ifdef __cplusplus
}
#endif

#endif
