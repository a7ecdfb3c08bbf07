/* Fully connected layers in all three steps, softmax with cross-entropy. */
#include "drivers/os/driver_os.h"
#include "firmware/apps/selftest/selftest.h"

#define BATCH 3u
#define INPUTS 20u
#define OUTPUTS 6u

static const npu_shape kX = {BATCH, INPUTS, 1, 1}, kW = {OUTPUTS, INPUTS, 1, 1}, kY = {BATCH, OUTPUTS, 1, 1};

static void test_ff(uint32_t format) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 11);
  const tensor w = bench_random(kW, format, NPU_CLASS_WEIGHT, 12);
  const tensor bias = bench_random((npu_shape){1, OUTPUTS, 1, 1}, NPU_FORMAT_FP32, NPU_CLASS_MASTER, 13);
  const tensor y = bench_tensor(kY, format, NPU_CLASS_ACTIVATION);
  float* expected = bench_expected(kY);
  for (uint32_t n = 0; n < BATCH; n++)
    for (uint32_t k = 0; k < OUTPUTS; k++) {
      float sum = bias.values[k];
      for (uint32_t c = 0; c < INPUTS; c++) sum += x.values[n * INPUTS + c] * w.values[k * INPUTS + c];
      expected[n * OUTPUTS + k] = sum > 0.0f ? sum : 0.0f;
    }
  npu_command command;
  const npu_fc_ff_arguments arguments = {
      .x = x.descriptor, .weights = w.descriptor, .y = y.descriptor, .bias = bias.dense, .relu = true};
  const bool good = npu_fc_ff(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "FC_FF with bias and ReLU", good && bench_matches(&y, expected, 0.0f));
}

static void test_bp(uint32_t format) {
  bench_clear();
  const tensor dy = bench_random(kY, format, NPU_CLASS_ERROR, 14);
  const tensor w = bench_random(kW, format, NPU_CLASS_WEIGHT, 12);
  const tensor mask = bench_random(kX, format, NPU_CLASS_ACTIVATION, 11);
  const tensor dx = bench_tensor(kX, format, NPU_CLASS_ERROR);
  float* expected = bench_expected(kX);
  for (uint32_t n = 0; n < BATCH; n++)
    for (uint32_t c = 0; c < INPUTS; c++) {
      float sum = 0.0f;
      for (uint32_t k = 0; k < OUTPUTS; k++) sum += dy.values[n * OUTPUTS + k] * w.values[k * INPUTS + c];
      expected[n * INPUTS + c] = mask.values[n * INPUTS + c] > 0.0f ? sum : 0.0f;
    }
  npu_command command;
  const npu_fc_bp_arguments arguments = {
      .dy = dy.descriptor, .weights = w.descriptor, .dx = dx.descriptor, .mask = mask.descriptor};
  const bool good = npu_fc_bp(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "FC_BP with mask", good && bench_matches(&dx, expected, 0.0f));
}

static void test_wg(uint32_t format) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 11);
  const tensor dy = bench_random(kY, format, NPU_CLASS_ERROR, 14);
  const tensor gradient = bench_tensor(kW, NPU_FORMAT_FP32, NPU_CLASS_GRADIENT);
  float* expected = bench_expected(kW);
  for (uint32_t k = 0; k < OUTPUTS; k++)
    for (uint32_t c = 0; c < INPUTS; c++)
      for (uint32_t n = 0; n < BATCH; n++) {
        expected[k * INPUTS + c] += x.values[n * INPUTS + c] * dy.values[n * OUTPUTS + k];
      }
  npu_command command;
  const npu_fc_wg_arguments arguments = {.x = x.descriptor, .dy = dy.descriptor, .gradient = gradient.dense};
  const bool good = npu_fc_wg(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "FC_WG", good && bench_matches(&gradient, expected, 0.0f));
}

/* e to the x for |x| <= 8, to about 1e-6: the series at x / 16, then four squarings. */
static float exponential(float x) {
  const float small = x / 16.0f;
  float term = 1.0f, sum = 1.0f;
  for (int n = 1; n < 10; n++) {
    term *= small / (float)n;
    sum += term;
  }
  for (int i = 0; i < 4; i++) sum *= sum;
  return sum;
}

/* Two of three rows count; the third gives no error. */
static void test_softmax(uint32_t format) {
  bench_clear();
  const uint32_t valid = 2;
  const float loss_scale = 8.0f;
  static const uint8_t classes[BATCH] = {4, 0, 5};
  const tensor logits = bench_random(kY, format, NPU_CLASS_ACTIVATION, 15);
  const tensor error = bench_tensor(kY, format == NPU_FORMAT_FP32 ? NPU_FORMAT_FP32 : NPU_FORMAT_FP16, NPU_CLASS_ERROR);
  npu_hyper* hyper = bench_memory(sizeof *hyper);
  npu_loss_record* loss = bench_memory(sizeof *loss);
  uint8_t* label = bench_memory(BATCH);
  npu_descriptor* labels = bench_memory(sizeof *labels);
  const npu_shape label_shape = {BATCH, 1, 1, 1};
  npu_tensor_dense(labels, npu_address(label), &label_shape, NPU_FORMAT_U8, NPU_CLASS_LABEL);
  for (uint32_t n = 0; n < BATCH; n++) label[n] = classes[n];
  *hyper = (npu_hyper){.loss_scale = loss_scale, .gradient_scale = 1.0f / loss_scale};
  loss->valid = valid;
  driver_os_clean(hyper, sizeof *hyper);
  driver_os_clean(loss, sizeof *loss);
  driver_os_clean(label, BATCH);
  driver_os_clean(labels, sizeof *labels);

  float* expected = bench_expected(kY);
  uint32_t hits = 0;
  float likelihood = 1.0f; /* product of p: e to the minus loss */
  for (uint32_t n = 0; n < valid; n++) {
    const float* row = &logits.values[n * OUTPUTS];
    uint32_t best = 0;
    float sum = 0.0f;
    for (uint32_t k = 0; k < OUTPUTS; k++) {
      sum += exponential(row[k]);
      if (row[k] > row[best]) best = k;
    }
    hits += best == classes[n];
    likelihood *= exponential(row[classes[n]]) / sum;
    for (uint32_t k = 0; k < OUTPUTS; k++) {
      const float p = exponential(row[k]) / sum;
      expected[n * OUTPUTS + k] = (k == classes[n] ? p - 1.0f : p) * loss_scale / (float)valid;
    }
  }
  npu_command command;
  const npu_softmax_ce_arguments arguments = {.logits = logits.descriptor,
                                              .labels = npu_address(labels),
                                              .error = error.descriptor,
                                              .parameters = npu_address(hyper),
                                              .loss = npu_address(loss)};
  const bool good = npu_softmax_ce(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  /* Errors below 4, rounded to 11 bits: half a unit in the last place is 2^-10. */
  verdict(npu_format_name(format), "SOFTMAX_CE: error", good && bench_matches(&error, expected, 0x1p-9f));
  driver_os_invalidate(loss, sizeof *loss);
  const float difference = exponential(-loss->loss_sum / 4.0f) - 1.0f; /* only a range check: loss is not negative */
  float back = exponential(-loss->loss_sum / 2.0f);
  back *= back;
  const bool close = back - likelihood < 1e-4f && likelihood - back < 1e-4f && difference <= 0.0f;
  verdict(npu_format_name(format), "SOFTMAX_CE: loss and hits", good && close && loss->correct == hits);
}

void test_npu_fc(uint32_t format) {
  test_ff(format);
  test_bp(format);
  test_wg(format);
  test_softmax(format);
}
