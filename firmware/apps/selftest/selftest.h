/* The self-test's own pieces: verdicts, tensors on the NPU, and the groups of tests. */
#ifndef FIRMWARE_APPS_SELFTEST_H
#define FIRMWARE_APPS_SELFTEST_H

#include "drivers/npu/npu_commands.h"
#include "drivers/npu/npu_records.h"
#include "drivers/npu/npu_tensor.h"

/** Prints "PASS name" or "FAIL name" and counts. */
void verdict(const char* group, const char* name, bool passed);
/** Verdicts that were FAIL so far. */
uint32_t verdicts_failed(void);
uint32_t verdicts_passed(void);

/** A tensor as both sides see it: floats for the core, a descriptor in the NPU's format. */
typedef struct tensor {
  npu_shape shape;
  float* values;       /**< binary32, dense */
  uint32_t dense;      /**< address of the descriptor of `values` */
  uint32_t descriptor; /**< address of the descriptor in the format under test; that of `dense` for binary32 */
} tensor;

/** Formats in which the engine's multipliers are tried; FP32 for the reference engine. */
typedef struct format_list {
  uint32_t count;
  uint32_t formats[4];
} format_list;
format_list bench_formats(void);

/** Starts the NPU with one window over the test's memory. NPU_OK or the reason. */
npu_result bench_start(void);
npu* bench_device(void);
/** Forgets all tensors. */
void bench_clear(void);
/** Memory that both sides use, 64-byte aligned, zero. */
void* bench_memory(uint32_t size_bytes);
/** Runs commands to their end. */
npu_result bench_run(const npu_command* commands, uint32_t count);

/** A tensor of this shape in `format`; values zero, not yet on the NPU. */
tensor bench_tensor(npu_shape shape, uint32_t format, uint32_t tensor_class);
/** The same with whole numbers from -3 to 3, about 3 of 7 of them positive, from a counter-based stream. */
tensor bench_random(npu_shape shape, uint32_t format, uint32_t tensor_class, uint32_t seed);
/** Brings `values` to the NPU's format, and back. */
bool bench_send(const tensor* t);
bool bench_receive(const tensor* t);
/** Receives and compares with `expected` (largest difference <= tolerance); prints the first element that differs. */
bool bench_matches(const tensor* t, const float* expected, float tolerance);
/** Room for the expected values of a tensor. */
float* bench_expected(npu_shape shape);

void test_devices(void);
void test_npu_conv(uint32_t format);
void test_npu_fc(uint32_t format);
void test_npu_vector(uint32_t format);
void test_npu_update(uint32_t format);
void test_npu_errors(void);

#endif
