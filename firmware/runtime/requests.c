#include "firmware/runtime/requests.h"

#include "firmware/runtime/shuffle.h"

#define RANDOM_STREAM 0x80000000u /* beside the streams of the epochs (shuffle.h) */

uint32_t requests_interval(const inference_block* block, uint32_t number) {
  if (block->random == 0) return block->interval_ticks;
  const uint32_t slot_ticks = block->interval_ticks / INFERENCE_SLOTS;
  uint32_t slots = 1;
  while (slots < REQUESTS_MOST_SLOTS &&
         shuffle_random(block->seed, RANDOM_STREAM + number, slots) % INFERENCE_SLOTS != 0)
    slots++;
  return slots * slot_ticks;
}

/* Sinks `heap[root]` below `count`. */
static void sink(uint32_t* heap, uint32_t root, uint32_t count) {
  for (uint32_t child = 2 * root + 1; child < count; root = child, child = 2 * root + 1) {
    if (child + 1 < count && heap[child + 1] > heap[child]) child++;
    if (heap[root] >= heap[child]) return;
    const uint32_t kept = heap[root];
    heap[root] = heap[child];
    heap[child] = kept;
  }
}

uint32_t requests_percentile(const inference_result* result, uint32_t count, uint32_t percent) {
  static uint32_t sorted[INFERENCE_MAX_REQUESTS];
  if (count == 0) return 0;
  for (uint32_t i = 0; i < count; i++) sorted[i] = result->latency_ticks[i];
  for (uint32_t i = count / 2; i-- > 0;) sink(sorted, i, count);
  for (uint32_t end = count; end-- > 1;) {
    const uint32_t largest = sorted[0];
    sorted[0] = sorted[end];
    sorted[end] = largest;
    sink(sorted, 0, end);
  }
  return sorted[inference_rank(count, percent)];
}
