/* The SGD unit, as a command and on the write-back path. Powers of two keep the arithmetic exact. */
#include "drivers/os/driver_os.h"
#include "firmware/apps/selftest/selftest.h"

static const npu_shape kW = {4, 6, 1, 1};
static const npu_hyper kHyper = {
    .learning_rate = 0.5f, .momentum = 0.5f, .weight_decay = 0.25f, .gradient_scale = 0.125f, .loss_scale = 8.0f};

/* As npu_records.h defines the update. */
static void update_expected(float* weights, float* momentum, const float* gradient) {
  for (uint32_t i = 0; i < npu_shape_elements(&kW); i++) {
    const float g = gradient[i] * kHyper.gradient_scale + kHyper.weight_decay * weights[i];
    momentum[i] = kHyper.momentum * momentum[i] + g;
    weights[i] -= kHyper.learning_rate * momentum[i];
  }
}

static uint32_t hyper_record(void) {
  npu_hyper* hyper = bench_memory(sizeof *hyper);
  *hyper = kHyper;
  driver_os_clean(hyper, sizeof *hyper);
  return npu_address(hyper);
}

static void copy_values(float* to, const tensor* from) {
  for (uint32_t i = 0; i < npu_shape_elements(&from->shape); i++) to[i] = from->values[i];
}

static void test_sgd(uint32_t format) {
  bench_clear();
  const char* name = npu_format_name(format);
  const tensor weights = bench_random(kW, NPU_FORMAT_FP32, NPU_CLASS_MASTER, 41);
  const tensor momentum = bench_random(kW, NPU_FORMAT_FP32, NPU_CLASS_MOMENTUM, 42);
  const tensor gradient = bench_random(kW, NPU_FORMAT_FP32, NPU_CLASS_GRADIENT, 43);
  const uint32_t copy_format = format == NPU_FORMAT_FGMP ? NPU_FORMAT_FP16 : format;
  const tensor copy = bench_tensor(kW, copy_format, NPU_CLASS_WEIGHT);
  float *expected_w = bench_expected(kW), *expected_v = bench_expected(kW);
  copy_values(expected_w, &weights);
  copy_values(expected_v, &momentum);
  update_expected(expected_w, expected_v, gradient.values);
  npu_command command;
  const bool separate = copy.descriptor != copy.dense;
  const npu_sgd_arguments arguments = {.gradient = gradient.dense,
                                       .update = {.weights = weights.dense,
                                                  .momentum = momentum.dense,
                                                  .copy = separate ? copy.descriptor : 0,
                                                  .parameters = hyper_record()}};
  const bool good = npu_sgd(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(name, "SGD: weights", good && bench_matches(&weights, expected_w, 0.0f));
  verdict(name, "SGD: momentum", good && bench_matches(&momentum, expected_v, 0.0f));
  if (separate) verdict(name, "SGD: copy in the engine's format", good && bench_matches(&copy, expected_w, 0.0f));
}

static void test_fused(uint32_t format) {
  bench_clear();
  const npu_shape x_shape = {2, 6, 1, 1}, y_shape = {2, 4, 1, 1};
  const tensor x = bench_random(x_shape, format, NPU_CLASS_ACTIVATION, 44);
  const tensor dy = bench_random(y_shape, format, NPU_CLASS_ERROR, 45);
  const tensor weights = bench_random(kW, NPU_FORMAT_FP32, NPU_CLASS_MASTER, 46);
  const tensor momentum = bench_random(kW, NPU_FORMAT_FP32, NPU_CLASS_MOMENTUM, 47);
  float *gradient = bench_expected(kW), *expected_w = bench_expected(kW), *expected_v = bench_expected(kW);
  for (uint32_t i = 0; i < npu_shape_elements(&kW); i++) {
    const uint32_t k = i / 6, c = i % 6;
    gradient[i] = x.values[c] * dy.values[k] + x.values[6 + c] * dy.values[4 + k];
  }
  copy_values(expected_w, &weights);
  copy_values(expected_v, &momentum);
  update_expected(expected_w, expected_v, gradient);
  npu_command command;
  const npu_fc_wg_arguments arguments = {
      .x = x.descriptor,
      .dy = dy.descriptor,
      .update = {.weights = weights.dense, .momentum = momentum.dense, .parameters = hyper_record()}};
  const bool good = npu_fc_wg(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  const bool equal = bench_matches(&weights, expected_w, 0.0f) && bench_matches(&momentum, expected_v, 0.0f);
  verdict(npu_format_name(format), "FC_WG with update", good && equal);
}

void test_npu_update(uint32_t format) {
  test_sgd(format);
  if (bench_device()->capabilities.fused_sgd) test_fused(format);
}
