/* A checkpoint in flash. C11 and C++. All integers little-endian, all parts multiples of 4 bytes.
 *
 * The upper half of the flash holds CHECKPOINT_SLOTS slots of equal size: slot i starts at
 * size / 2 + i * (size / 2 / CHECKPOINT_SLOTS). A slot's first sector holds the header, the payload follows in the next
 * sector. A slot is written in the order: erase the header's sector, erase and program the payload, read it back,
 * program the header. So a power cut leaves at most that slot invalid, and the other one as it was.
 *
 * Payload: checkpoint_tensor[tensor_count]; float threshold[threshold_count]: of the steered tensors in order of the
 * plan first those for the next time that they are produced, then those with which their present contents were; float
 * loss[history_count]; uint32_t eval_correct[history_count]; the bytes of each tensor at its offset. */
#ifndef DRIVERS_CHECKPOINT_FORMAT_H
#define DRIVERS_CHECKPOINT_FORMAT_H

#include <stdint.h>

#include "drivers/plan/plan_format.h"

#define CHECKPOINT_MAGIC 0x504B4342u /* "BCKP" */
#define CHECKPOINT_VERSION 1u
#define CHECKPOINT_SLOTS 2u

typedef struct checkpoint_tensor {
  char name[PLAN_NAME_BYTES]; /**< as in the plan */
  uint32_t flags;             /**< plan_tensor_flag */
  uint32_t format;            /**< TENSOR_FORMAT, dense */
  uint32_t shape[4];          /**< n (k), c, h, w */
  uint32_t offset;            /**< of the bytes in the payload */
  uint32_t size_bytes;
} checkpoint_tensor;

/** Where the training stands. */
typedef struct checkpoint_progress {
  uint32_t epochs_done, steps_done;
  uint32_t epoch_steps; /**< steps done in the epoch that is under way */
  uint32_t examples, overflows;
  float epoch_loss_sum; /**< of the epoch under way */
  uint32_t epoch_examples;
  float loss_scale;
  uint32_t clean_steps; /**< since the loss scale moved */
  float fgmp_target;
  float best_loss;       /**< smallest mean loss of an epoch; huge: none yet */
  uint32_t updates_done; /**< steps of the optimiser */
  uint32_t skipped;      /**< updates left out because of an overflow */
  uint32_t reserved[3];
} checkpoint_progress;

typedef struct checkpoint_header {
  uint32_t magic;
  uint32_t version;
  uint32_t header_bytes; /**< sizeof(checkpoint_header) */
  uint32_t sequence;     /**< the newer of two slots has the larger one (modulo 2^32) */
  uint32_t plan_crc32;   /**< of the plan's header: which plan the tensors belong to */
  uint32_t payload_bytes;
  uint32_t payload_crc32; /**< IEEE CRC-32 */
  uint32_t tensor_count, threshold_count, history_count;
  checkpoint_progress progress;
  uint32_t reserved[5];
  uint32_t header_crc32; /**< IEEE CRC-32 of all bytes of the header before this field */
} checkpoint_header;

#endif
