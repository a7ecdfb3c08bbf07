/* Copy, ReLU, bias and the three kinds of pooling; a group. */
#include "drivers/os/driver_os.h"
#include "firmware/apps/selftest/selftest.h"

static const npu_shape kX = {2, 3, 4, 4}, kPooled = {2, 3, 2, 2}, kGlobal = {2, 3, 1, 1};
static const npu_pooling kWindow = {.kernel_h = 2, .kernel_w = 2};
#define PLANES 6u

/* Element of the window at (oh, ow), place (i, j), in a plane of kX. */
static uint32_t window_at(uint32_t plane, uint32_t oh, uint32_t ow, uint32_t i, uint32_t j) {
  return (plane * kX.h + 2 * oh + i) * kX.w + 2 * ow + j;
}

static uint32_t pooled_at(uint32_t plane, uint32_t oh, uint32_t ow) {
  return (plane * kPooled.h + oh) * kPooled.w + ow;
}

static bool run(npu_result filled, const npu_command* command) {
  return filled == NPU_OK && bench_run(command, 1) == NPU_OK;
}

static void test_relu(uint32_t format, const char* name) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 21);
  const tensor dy = bench_random(kX, format, NPU_CLASS_ERROR, 22);
  const tensor y = bench_tensor(kX, format, NPU_CLASS_ACTIVATION);
  const tensor dx = bench_tensor(kX, format, NPU_CLASS_ERROR);
  float *expected = bench_expected(kX), *expected_dx = bench_expected(kX);
  for (uint32_t i = 0; i < npu_shape_elements(&kX); i++) {
    expected[i] = x.values[i] > 0.0f ? x.values[i] : 0.0f;
    expected_dx[i] = x.values[i] > 0.0f ? dy.values[i] : 0.0f;
  }
  /* Both in a group: they run together, or one after the other. */
  npu_command group[4];
  const npu_relu_ff_arguments forward = {.x = x.descriptor, .y = y.descriptor};
  const npu_relu_bp_arguments backward = {.dy = dy.descriptor, .dx = dx.descriptor, .mask = x.descriptor};
  bool good = npu_group_begin(&group[0], 0) == NPU_OK && npu_relu_ff(&group[1], &forward) == NPU_OK;
  good = good && npu_relu_bp(&group[2], &backward) == NPU_OK && npu_group_end(&group[3], 0) == NPU_OK;
  good = good && bench_run(group, 4) == NPU_OK;
  verdict(name, "RELU_FF in a group", good && bench_matches(&y, expected, 0.0f));
  verdict(name, "RELU_BP in a group", good && bench_matches(&dx, expected_dx, 0.0f));
}

static void test_maxpool(uint32_t format, const char* name) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 23);
  const tensor dy = bench_random(kPooled, format, NPU_CLASS_ERROR, 24);
  const tensor y = bench_tensor(kPooled, format, NPU_CLASS_ACTIVATION);
  const tensor dx = bench_tensor(kX, format, NPU_CLASS_ERROR);
  npu_descriptor* index = bench_memory(sizeof *index);
  npu_tensor_dense(index, npu_address(bench_memory(npu_shape_elements(&kPooled))), &kPooled, NPU_FORMAT_U8,
                   NPU_CLASS_INDEX);
  driver_os_clean(index, sizeof *index);
  float *expected = bench_expected(kPooled), *expected_dx = bench_expected(kX);
  for (uint32_t p = 0; p < PLANES; p++)
    for (uint32_t oh = 0; oh < 2; oh++)
      for (uint32_t ow = 0; ow < 2; ow++) {
        uint32_t best = window_at(p, oh, ow, 0, 0);
        for (uint32_t place = 1; place < 4; place++) {
          const uint32_t other = window_at(p, oh, ow, place / 2, place % 2);
          if (x.values[other] > x.values[best]) best = other;
        }
        expected[pooled_at(p, oh, ow)] = x.values[best];
        expected_dx[best] = dy.values[pooled_at(p, oh, ow)];
      }
  npu_command command;
  const npu_maxpool_ff_arguments forward = {
      .x = x.descriptor, .y = y.descriptor, .index = npu_address(index), .geometry = kWindow};
  bool good = run(npu_maxpool_ff(&command, &forward), &command);
  verdict(name, "MAXPOOL_FF", good && bench_matches(&y, expected, 0.0f));
  const npu_maxpool_bp_arguments backward = {
      .dy = dy.descriptor, .index = npu_address(index), .dx = dx.descriptor, .geometry = kWindow};
  good = run(npu_maxpool_bp(&command, &backward), &command);
  verdict(name, "MAXPOOL_BP", good && bench_matches(&dx, expected_dx, 0.0f));
}

/* The divisors are powers of two: exact. */
static void test_avgpool(uint32_t format, const char* name) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 25);
  const tensor dy = bench_random(kPooled, format, NPU_CLASS_ERROR, 26);
  const uint32_t fraction = format == NPU_FORMAT_FGMP ? NPU_FORMAT_FP16 : format; /* fractions are not exact in FP8 */
  const tensor y = bench_tensor(kPooled, fraction, NPU_CLASS_ACTIVATION);
  const tensor dx = bench_tensor(kX, fraction, NPU_CLASS_ERROR);
  float *expected = bench_expected(kPooled), *expected_dx = bench_expected(kX);
  for (uint32_t p = 0; p < PLANES; p++)
    for (uint32_t oh = 0; oh < 2; oh++)
      for (uint32_t ow = 0; ow < 2; ow++)
        for (uint32_t place = 0; place < 4; place++) {
          const uint32_t at = window_at(p, oh, ow, place / 2, place % 2);
          expected[pooled_at(p, oh, ow)] += x.values[at] * 0.25f;
          expected_dx[at] = dy.values[pooled_at(p, oh, ow)] * 0.25f;
        }
  npu_command command;
  const npu_avgpool_ff_arguments forward = {.x = x.descriptor, .y = y.descriptor, .geometry = kWindow};
  bool good = run(npu_avgpool_ff(&command, &forward), &command);
  verdict(name, "AVGPOOL_FF", good && bench_matches(&y, expected, 0.0f));
  const npu_avgpool_bp_arguments backward = {.dy = dy.descriptor, .dx = dx.descriptor, .geometry = kWindow};
  good = run(npu_avgpool_bp(&command, &backward), &command);
  verdict(name, "AVGPOOL_BP", good && bench_matches(&dx, expected_dx, 0.0f));
}

static void test_globalpool(uint32_t format, const char* name) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 27);
  const tensor dy = bench_random(kGlobal, format, NPU_CLASS_ERROR, 28);
  const uint32_t fraction = format == NPU_FORMAT_FGMP ? NPU_FORMAT_FP16 : format;
  const tensor y = bench_tensor(kGlobal, fraction, NPU_CLASS_ACTIVATION);
  const tensor dx = bench_tensor(kX, fraction, NPU_CLASS_ERROR);
  float *expected = bench_expected(kGlobal), *expected_dx = bench_expected(kX);
  for (uint32_t i = 0; i < npu_shape_elements(&kX); i++) {
    expected[i / 16] += x.values[i] * 0.0625f;
    expected_dx[i] = dy.values[i / 16] * 0.0625f;
  }
  npu_command command;
  const npu_globalpool_ff_arguments forward = {.x = x.descriptor, .y = y.descriptor};
  bool good = run(npu_globalpool_ff(&command, &forward), &command);
  verdict(name, "GLOBALPOOL_FF", good && bench_matches(&y, expected, 0.0f));
  const npu_globalpool_bp_arguments backward = {.dy = dy.descriptor, .dx = dx.descriptor};
  good = run(npu_globalpool_bp(&command, &backward), &command);
  verdict(name, "GLOBALPOOL_BP", good && bench_matches(&dx, expected_dx, 0.0f));
}

static void test_bias(uint32_t format, const char* name) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 29);
  const tensor bias = bench_random((npu_shape){1, kX.c, 1, 1}, NPU_FORMAT_FP32, NPU_CLASS_MASTER, 30);
  const tensor y = bench_tensor(kX, format, NPU_CLASS_ACTIVATION);
  const tensor gradient = bench_tensor(bias.shape, NPU_FORMAT_FP32, NPU_CLASS_GRADIENT);
  float *expected = bench_expected(kX), *sums = bench_expected(bias.shape);
  for (uint32_t i = 0; i < npu_shape_elements(&kX); i++) {
    expected[i] = x.values[i] + bias.values[i / 16 % kX.c];
    sums[i / 16 % kX.c] += x.values[i];
  }
  npu_command command;
  const npu_bias_ff_arguments forward = {.x = x.descriptor, .y = y.descriptor, .bias = bias.dense};
  bool good = run(npu_bias_ff(&command, &forward), &command);
  verdict(name, "BIAS_FF", good && bench_matches(&y, expected, 0.0f));
  const npu_bias_wg_arguments backward = {.dy = x.descriptor, .gradient = gradient.dense};
  good = run(npu_bias_wg(&command, &backward), &command);
  verdict(name, "BIAS_WG", good && bench_matches(&gradient, sums, 0.0f));
}

static void test_copy(const char* name) {
  bench_clear();
  const tensor x = bench_random(kX, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION, 31);
  const tensor y = bench_tensor(kX, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_command command[2];
  const npu_copy_arguments arguments = {.phase = NPU_PHASE_DATA, .source = x.dense, .destination = y.dense};
  bool good = npu_nop(&command[0]) == NPU_OK && npu_copy(&command[1], &arguments) == NPU_OK;
  good = good && bench_run(command, 2) == NPU_OK;
  verdict(name, "NOP and COPY", good && bench_matches(&y, x.values, 0.0f));
}

void test_npu_vector(uint32_t format) {
  const char* name = npu_format_name(format);
  test_copy(name);
  test_relu(format, name);
  test_bias(format, name);
  test_maxpool(format, name);
  test_avgpool(format, name);
  test_globalpool(format, name);
}
