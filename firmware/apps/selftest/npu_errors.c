/* The interrupt's wiring, and the path of an error: code, stopped ring, reset, and the next good command succeeds. */
#include <inttypes.h>
#include <stdio.h>

#include "drivers/os/driver_os.h"
#include "firmware/apps/selftest/selftest.h"

static const npu_shape kShape = {1, 4, 8, 8};

static void test_raise(void) {
  npu* device = bench_device();
  const uint32_t before = device->raised;
  npu_raise_interrupt(device);
  const uint64_t deadline = driver_os_now() + driver_os_ticks_per_ms();
  while (device->raised == before && driver_os_now() < deadline) {
  }
  verdict("npu", "NPU_IRQ_RAISE arrives as an interrupt", device->raised == before + 1);
}

static bool good_command_runs(void) {
  const tensor x = bench_random(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION, 51);
  const tensor y = bench_tensor(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_command command;
  const npu_copy_arguments arguments = {.phase = NPU_PHASE_DATA, .source = x.dense, .destination = y.dense};
  const bool good = npu_copy(&command, &arguments) == NPU_OK && bench_run(&command, 1) == NPU_OK;
  return good && bench_matches(&y, x.values, 0.0f);
}

/* A good command, then `bad`: its number, its code, no further command, and life after the reset. */
static void test_error(const char* name, const npu_command* bad, uint32_t code) {
  npu* device = bench_device();
  npu_command commands[2];
  npu_nop(&commands[0]);
  commands[1] = *bad;
  npu_error_report report;
  const bool reset = npu_reset(device) == NPU_OK;
  const bool failed = bench_run(commands, 2) == NPU_DEVICE_ERROR;
  npu_error_read(device, &report);
  if (report.code != code) {
    printf("got %s, expected %s\n", npu_error_name(report.code), npu_error_name(code));
  }
  verdict("npu", name, reset && failed && report.code == code && report.index == 1);
  const bool again = npu_reset(device) == NPU_OK;
  npu_error_read(device, &report);
  bench_clear();
  verdict("npu", "resumes after a reset", again && report.code == NPU_ERROR_NONE && good_command_runs());
}

static npu_command copy_command(uint32_t source, uint32_t destination) {
  npu_command command;
  const npu_copy_arguments arguments = {.phase = NPU_PHASE_DATA, .source = source, .destination = destination};
  npu_copy(&command, &arguments);
  return command;
}

void test_npu_errors(void) {
  test_raise();
  bench_clear();
  tensor x = bench_random(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION, 52);
  tensor y = bench_tensor(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_command bad = copy_command(x.dense, y.dense);
  bad.opcode = 63;
  test_error("an unknown opcode is OPCODE", &bad, NPU_ERROR_OPCODE);

  x = bench_random(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION, 52);
  bad = copy_command(x.dense, x.dense + 64);
  bad.tensor1 = 0;
  test_error("a missing operand is TENSOR", &bad, NPU_ERROR_TENSOR);

  x = bench_random(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION, 52);
  npu_descriptor* outside = bench_memory(sizeof *outside);
  npu_tensor_dense(outside, 0x10000000, &kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  driver_os_clean(outside, sizeof *outside);
  bad = copy_command(x.dense, npu_address(outside));
  test_error("a transfer that leaves the windows is WINDOW", &bad, NPU_ERROR_WINDOW);

  bench_device()->config.watchdog_cycles = 1;
  x = bench_random(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION, 52);
  y = bench_tensor(kShape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_reset(bench_device());
  bad = copy_command(x.dense, y.dense);
  const bool failed = bench_run(&bad, 1) == NPU_DEVICE_ERROR;
  npu_error_report report;
  npu_error_read(bench_device(), &report);
  verdict("npu", "a command that takes too long is WATCHDOG", failed && report.code == NPU_ERROR_WATCHDOG);
  bench_device()->config.watchdog_cycles = 0;
  bench_clear();
  verdict("npu", "resumes after its watchdog", npu_reset(bench_device()) == NPU_OK && good_command_runs());
}
