#include "firmware/runtime/shuffle.h"

#define PHILOX_MULTIPLIER 0xD256D193u
#define PHILOX_WEYL 0x9E3779B9u
#define PHILOX_ROUNDS 10

uint32_t shuffle_random(uint32_t seed, uint32_t stream, uint32_t index) {
  uint32_t left = index, right = stream, key = seed;
  for (int round = 0; round < PHILOX_ROUNDS; round++) {
    const uint64_t product = (uint64_t)PHILOX_MULTIPLIER * left;
    left = (uint32_t)(product >> 32) ^ key ^ right;
    right = (uint32_t)product;
    key += PHILOX_WEYL;
  }
  return left;
}

void shuffle_in_order(uint32_t* order, uint32_t count) {
  for (uint32_t i = 0; i < count; i++) order[i] = i;
}

void shuffle_order(uint32_t* order, uint32_t count, uint32_t seed, uint32_t epoch) {
  shuffle_in_order(order, count);
  for (uint32_t i = count; i-- > 1;) {
    const uint32_t j = (uint32_t)(((uint64_t)shuffle_random(seed, epoch, i) * (i + 1)) >> 32);
    const uint32_t kept = order[i];
    order[i] = order[j];
    order[j] = kept;
  }
}
