/* Is this a plan that can be run? Everything that firmware relies on is checked once, before anything is written. */
#ifndef FIRMWARE_RUNTIME_PLAN_CHECK_H
#define FIRMWARE_RUNTIME_PLAN_CHECK_H

#include "drivers/npu/npu_command.h"
#include "drivers/plan/plan_format.h"
#include "drivers/plan/run_error.h"
#include "firmware/runtime/memory.h"

#ifdef __cplusplus
extern "C" {
#endif

#define PLAN_MAX_BATCH 1024u
#define PLAN_MAX_CLASSES 65535u /**< labels have 16 bits at most */
/** Bytes of a label of a batch. */
#define PLAN_LABEL_BYTES(classes) ((classes) > PLAN_BYTE_CLASSES ? 2u : 1u)
#define PLAN_MAX_TABLE 65536u /**< entries of any table */

/** A checked plan: its tables as pointers into the plan's bytes. */
typedef struct plan_view {
  const plan_header* header;
  const plan_layer* layers;
  const plan_tensor* tensors;
  const npu_descriptor* descriptors;
  const npu_command* commands;
  const plan_program* programs;
  const plan_segment* segments;
  const uint8_t* bytes;
  region place; /**< of the plan in memory */
  region arena;
} plan_view;

/** Checks the plan of `size_bytes` bytes at `address` and fills `view`. Reads nothing outside [address, address +
 *  size_bytes), and that only if it lies in DRAM; writes nothing but `view`. RUN_ERROR_NONE or a RUN_ERROR_PLAN_ code;
 *  then `view` must not be used. */
run_error plan_check(uint32_t address, uint32_t size_bytes, const memory_limits* limits, plan_view* view);

#ifdef __cplusplus
}
#endif

#endif
