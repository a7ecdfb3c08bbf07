/* Convolution in all three steps, conversion with a gather, against plain loops. */
#include "drivers/os/driver_os.h"
#include "firmware/apps/selftest/selftest.h"

#define PAD 1

static const npu_shape kX = {2, 3, 6, 5}, kW = {4, 3, 3, 3}, kY = {2, 4, 3, 5};
static const npu_convolution kGeometry = {.stride_h = 2, .stride_w = 1, .pad_h = PAD, .pad_w = PAD};

static uint32_t at(npu_shape s, uint32_t n, uint32_t c, uint32_t h, uint32_t w) {
  return ((n * s.c + c) * s.h + h) * s.w + w;
}

typedef void (*tap_function)(uint32_t x_index, uint32_t w_index, uint32_t y_index, const float* a, const float* b,
                             float* out);

/* Calls `tap` for every product of the convolution: input, weight and output element. */
static void each_tap(tap_function tap, const float* a, const float* b, float* out) {
  for (uint32_t n = 0; n < kY.n; n++)
    for (uint32_t k = 0; k < kY.c; k++)
      for (uint32_t oh = 0; oh < kY.h; oh++)
        for (uint32_t ow = 0; ow < kY.w; ow++)
          for (uint32_t c = 0; c < kX.c; c++)
            for (uint32_t kh = 0; kh < kW.h; kh++)
              for (uint32_t kw = 0; kw < kW.w; kw++) {
                const uint32_t h = oh * kGeometry.stride_h + kh - PAD, w = ow * kGeometry.stride_w + kw - PAD;
                if (h >= kX.h || w >= kX.w) continue; /* below zero wraps to large */
                tap(at(kX, n, c, h, w), at(kW, k, c, kh, kw), at(kY, n, k, oh, ow), a, b, out);
              }
}

static void tap_ff(uint32_t x, uint32_t w, uint32_t y, const float* in, const float* weights, float* out) {
  out[y] += in[x] * weights[w];
}

static void tap_bp(uint32_t x, uint32_t w, uint32_t y, const float* dy, const float* weights, float* dx) {
  dx[x] += dy[y] * weights[w];
}

static void tap_wg(uint32_t x, uint32_t w, uint32_t y, const float* in, const float* dy, float* gradient) {
  gradient[w] += in[x] * dy[y];
}

static void test_ff(uint32_t format) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 1);
  const tensor w = bench_random(kW, format, NPU_CLASS_WEIGHT, 2);
  const tensor bias = bench_random((npu_shape){1, kW.n, 1, 1}, NPU_FORMAT_FP32, NPU_CLASS_MASTER, 3);
  const tensor y = bench_tensor(kY, format, NPU_CLASS_ACTIVATION);
  float* expected = bench_expected(kY);
  each_tap(tap_ff, x.values, w.values, expected);
  npu_command command;
  npu_conv_ff_arguments arguments = {
      .x = x.descriptor, .weights = w.descriptor, .y = y.descriptor, .geometry = kGeometry};
  bool good = npu_conv_ff(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "CONV_FF", good && bench_matches(&y, expected, 0.0f));
  for (uint32_t i = 0; i < npu_shape_elements(&kY); i++) {
    const float sum = expected[i] + bias.values[i / (kY.h * kY.w) % kY.c];
    expected[i] = sum > 0.0f ? sum : 0.0f;
  }
  arguments.bias = bias.dense;
  arguments.relu = true;
  good = npu_conv_ff(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "CONV_FF with bias and ReLU", good && bench_matches(&y, expected, 0.0f));
}

static void test_bp(uint32_t format) {
  bench_clear();
  const tensor dy = bench_random(kY, format, NPU_CLASS_ERROR, 4);
  const tensor w = bench_random(kW, format, NPU_CLASS_WEIGHT, 2);
  const tensor mask = bench_random(kX, format, NPU_CLASS_ACTIVATION, 1);
  const tensor dx = bench_tensor(kX, format, NPU_CLASS_ERROR);
  float* expected = bench_expected(kX);
  each_tap(tap_bp, dy.values, w.values, expected);
  for (uint32_t i = 0; i < npu_shape_elements(&kX); i++) expected[i] = mask.values[i] > 0.0f ? expected[i] : 0.0f;
  npu_command command;
  const npu_conv_bp_arguments arguments = {.dy = dy.descriptor,
                                           .weights = w.descriptor,
                                           .dx = dx.descriptor,
                                           .mask = mask.descriptor,
                                           .geometry = kGeometry};
  const bool good = npu_conv_bp(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "CONV_BP with mask", good && bench_matches(&dx, expected, 0.0f));
}

static void test_wg(uint32_t format) {
  bench_clear();
  const tensor x = bench_random(kX, format, NPU_CLASS_ACTIVATION, 1);
  const tensor dy = bench_random(kY, format, NPU_CLASS_ERROR, 4);
  const tensor gradient = bench_tensor(kW, NPU_FORMAT_FP32, NPU_CLASS_GRADIENT);
  float* expected = bench_expected(kW);
  each_tap(tap_wg, x.values, dy.values, expected);
  npu_command command;
  npu_conv_wg_arguments arguments = {
      .x = x.descriptor, .dy = dy.descriptor, .gradient = gradient.dense, .geometry = kGeometry};
  bool good = npu_conv_wg(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "CONV_WG", good && bench_matches(&gradient, expected, 0.0f));
  each_tap(tap_wg, x.values, dy.values, expected);
  arguments.accumulate = true;
  good = npu_conv_wg(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "CONV_WG continued", good && bench_matches(&gradient, expected, 0.0f));
}

/* Images 2, 0, 2 of three, and back to binary32. */
static void test_gather(uint32_t format) {
  bench_clear();
  const npu_shape from = {3, 2, 4, 5}, image = {1, 2, 4, 5};
  const uint32_t elements = npu_shape_elements(&image);
  const tensor source = bench_random(from, NPU_FORMAT_FP32, NPU_CLASS_INPUT, 5);
  const tensor chosen = bench_tensor(from, format, NPU_CLASS_INPUT);
  static const uint32_t numbers[3] = {2, 0, 2};
  uint32_t* list = bench_memory(sizeof numbers);
  float* expected = bench_expected(from);
  for (uint32_t i = 0; i < 3; i++) {
    list[i] = numbers[i];
    for (uint32_t j = 0; j < elements; j++) expected[i * elements + j] = source.values[numbers[i] * elements + j];
  }
  driver_os_clean(list, sizeof numbers);
  npu_command command;
  const npu_convert_arguments arguments = {
      .phase = NPU_PHASE_DATA, .source = source.dense, .destination = chosen.descriptor, .gather = npu_address(list)};
  const bool good = npu_encode(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  verdict(npu_format_name(format), "ENCODE with a gather list, and DECODE",
          good && bench_matches(&chosen, expected, 0.0f));
}

void test_npu_conv(uint32_t format) {
  test_gather(format);
  test_ff(format);
  test_bp(format);
  test_wg(format);
}
