/* Order of the images in an epoch: a function of seed and epoch alone, the same on every host. */
#ifndef FIRMWARE_RUNTIME_SHUFFLE_H
#define FIRMWARE_RUNTIME_SHUFFLE_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Most images that can be shuffled. */
#define SHUFFLE_MAX_IMAGES 65536u

/** Upper word of Philox2x32-10 (Salmon et al., SC 2011) with key `seed` and counter (index, stream): the same numbers
 * as npu/sgd/random_stream.h. */
uint32_t shuffle_random(uint32_t seed, uint32_t stream, uint32_t index);

/** Fills order[0..count) with 0..count-1 in the order of the epoch. Fisher and Yates, from the end, i = count-1 down to
 *  1: swap order[i] with order[j], j = (shuffle_random(seed, epoch, i) * (i + 1)) >> 32. */
void shuffle_order(uint32_t* order, uint32_t count, uint32_t seed, uint32_t epoch);

/** order[i] = i. */
void shuffle_in_order(uint32_t* order, uint32_t count);

#ifdef __cplusplus
}
#endif

#endif
