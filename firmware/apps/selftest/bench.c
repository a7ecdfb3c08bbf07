/* Tensors and commands for the tests of the NPU. Whole numbers of small magnitude are exact in every format and every
 * order of summation, so results are compared for equality. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "drivers/os/driver_os.h"
#include "firmware/apps/selftest/selftest.h"
#include "firmware/board/board.h"
#include "firmware/runtime/memory.h"
#include "firmware/runtime/shuffle.h"

#define ARENA_BYTES 0x40000u
#define RING_COMMANDS 16u
#define FGMP_THRESHOLD 4.0f /* whole numbers below it are exact in FP8, the others go as FP16 */

static struct {
  npu_command ring[RING_COMMANDS];
  uint8_t arena[ARENA_BYTES];
} memory MEMORY_NOINIT;
static uint32_t used_bytes;
static npu the_npu;

static void serve_npu(void* device) {
  npu_interrupt(device);
}

npu* bench_device(void) {
  return &the_npu;
}

npu_result bench_start(void) {
  npu_config config = {.base = SOC_NPU_BASE,
                       .ring = memory.ring,
                       .ring_address = npu_address(memory.ring),
                       .ring_commands = RING_COMMANDS};
  config.windows[0] =
      (npu_window){npu_address(&memory), npu_address(&memory) + (uint32_t)sizeof memory - 1, true, true};
  const npu_result result = npu_init(&the_npu, &config);
  if (result == NPU_OK) board_on_interrupt(SOC_NPU_IRQ, serve_npu, &the_npu);
  return result;
}

format_list bench_formats(void) {
  const npu_capabilities* c = &the_npu.capabilities;
  if (c->engine == NPU_ENGINE_REFERENCE) return (format_list){1, {NPU_FORMAT_FP32}};
  if (c->engine == NPU_ENGINE_DAA) return (format_list){1, {NPU_FORMAT_BF16}};
  const uint32_t candidates[] = {NPU_FORMAT_FP16, NPU_FORMAT_FP16Z, NPU_FORMAT_FGMP};
  format_list list = {0};
  for (unsigned i = 0; i < sizeof candidates / sizeof candidates[0]; i++) {
    if ((c->formats >> candidates[i] & 1) != 0) list.formats[list.count++] = candidates[i];
  }
  return list;
}

void bench_clear(void) {
  used_bytes = 0;
}

void* bench_memory(uint32_t size_bytes) {
  const uint32_t rounded = (size_bytes + 63) & ~UINT32_C(63);
  if (rounded > ARENA_BYTES - used_bytes) {
    printf("selftest: out of memory\n");
    board_end(1);
  }
  void* place = memory.arena + used_bytes;
  used_bytes += rounded;
  memset(place, 0, rounded);
  driver_os_clean(place, rounded);
  return place;
}

npu_result bench_run(const npu_command* commands, uint32_t count) {
  const npu_patience patience = {1000 * driver_os_ticks_per_ms(), 10};
  uint32_t fence;
  npu_result result = npu_submit_fenced(&the_npu, commands, count, &fence);
  if (result == NPU_OK) result = npu_wait_fence(&the_npu, fence, &patience);
  return result;
}

/* Runs one command that must succeed; says why if not. */
static bool run_good(const npu_command* command) {
  const npu_result result = bench_run(command, 1);
  if (result == NPU_OK) return true;
  npu_error_report report;
  npu_error_read(&the_npu, &report);
  printf("%s: %s: %s, address 0x%08" PRIx32 ", field at byte %" PRIu32 "\n", npu_opcode_name(command->opcode),
         npu_result_text(result), npu_error_text(report.code), report.address, report.detail);
  npu_reset(&the_npu);
  return false;
}

static bool coded(uint32_t format) {
  return format == NPU_FORMAT_FP16Z || format == NPU_FORMAT_FGMP;
}

static uint32_t describe(npu_shape shape, uint32_t format, uint32_t tensor_class, void* dense_memory) {
  npu_descriptor* d = bench_memory(sizeof *d);
  npu_result result;
  if (coded(format)) {
    /* A small image is one block; a large one has a block for each channel. */
    const npu_blocks blocks = {shape.h * shape.w < 16 ? (uint16_t)shape.c : 1, (uint16_t)shape.h};
    const uint32_t size_bytes = npu_coded_bytes(&shape, format, &blocks);
    const uint32_t slots = npu_address(bench_memory(size_bytes));
    const uint32_t directory = npu_address(bench_memory(2 * npu_coded_blocks(&shape, &blocks)));
    result = npu_tensor_coded(d, slots, size_bytes, directory, &shape, format, &blocks, tensor_class);
    if (format == NPU_FORMAT_FGMP) npu_tensor_set_threshold(d, 0, FGMP_THRESHOLD);
  } else {
    const uint32_t size_bytes = npu_shape_elements(&shape) * npu_format_bytes(format);
    void* place = dense_memory != NULL ? dense_memory : bench_memory(size_bytes);
    result = npu_tensor_dense(d, npu_address(place), &shape, format, tensor_class);
  }
  if (result != NPU_OK) printf("selftest: a descriptor was refused\n");
  driver_os_clean(d, sizeof *d);
  return npu_address(d);
}

tensor bench_tensor(npu_shape shape, uint32_t format, uint32_t tensor_class) {
  tensor t = {.shape = shape, .values = bench_memory(npu_shape_elements(&shape) * (uint32_t)sizeof(float))};
  t.dense = describe(shape, NPU_FORMAT_FP32, tensor_class, t.values);
  t.descriptor = format == NPU_FORMAT_FP32 ? t.dense : describe(shape, format, tensor_class, NULL);
  return t;
}

tensor bench_random(npu_shape shape, uint32_t format, uint32_t tensor_class, uint32_t seed) {
  const tensor t = bench_tensor(shape, format, tensor_class);
  const uint32_t count = npu_shape_elements(&shape);
  for (uint32_t i = 0; i < count; i++) t.values[i] = (float)((int32_t)(shuffle_random(seed, 0, i) % 7) - 3);
  bench_send(&t);
  return t;
}

bool bench_send(const tensor* t) {
  driver_os_clean(t->values, npu_shape_elements(&t->shape) * (uint32_t)sizeof(float));
  if (t->descriptor == t->dense) return true;
  npu_command command;
  const npu_convert_arguments arguments = {
      .layer = NPU_NO_LAYER, .phase = NPU_PHASE_DATA, .source = t->dense, .destination = t->descriptor};
  return npu_encode(&command, &arguments) == NPU_OK && run_good(&command);
}

bool bench_receive(const tensor* t) {
  bool good = true;
  if (t->descriptor != t->dense) {
    npu_command command;
    const npu_convert_arguments arguments = {
        .layer = NPU_NO_LAYER, .phase = NPU_PHASE_DATA, .source = t->descriptor, .destination = t->dense};
    good = npu_decode(&command, &arguments) == NPU_OK && run_good(&command);
  }
  driver_os_invalidate(t->values, npu_shape_elements(&t->shape) * (uint32_t)sizeof(float));
  return good;
}

static long in_thousandths(float value) {
  return (long)(value * 1000.0f);
}

bool bench_matches(const tensor* t, const float* expected, float tolerance) {
  if (!bench_receive(t)) return false;
  const uint32_t count = npu_shape_elements(&t->shape);
  for (uint32_t i = 0; i < count; i++) {
    const float difference = t->values[i] - expected[i];
    if (difference <= tolerance && -difference <= tolerance) continue; /* false for NaN */
    printf("element %" PRIu32 ": got %ld, expected %ld thousandths\n", i, in_thousandths(t->values[i]),
           in_thousandths(expected[i]));
    return false;
  }
  return true;
}

float* bench_expected(npu_shape shape) {
  return bench_memory(npu_shape_elements(&shape) * (uint32_t)sizeof(float));
}
