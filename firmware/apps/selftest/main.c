/* Exercises every device and every command of the NPU and says PASS or FAIL for each; ends with the number of failures.
 */
#include <inttypes.h>
#include <stdio.h>

#include "firmware/apps/selftest/selftest.h"
#include "firmware/board/board.h"

static uint32_t passed_count, failed_count;

void verdict(const char* group, const char* name, bool passed) {
  printf("%s %s: %s\n", passed ? "PASS" : "FAIL", group, name);
  *(passed ? &passed_count : &failed_count) += 1;
}

uint32_t verdicts_failed(void) {
  return failed_count;
}

uint32_t verdicts_passed(void) {
  return passed_count;
}

int main(void) {
  test_devices();
  const npu_result started = bench_start();
  verdict("npu", "identifies itself and starts", started == NPU_OK);
  if (started == NPU_OK) {
    printf("npu: engine %s\n", npu_engine_name(bench_device()->capabilities.engine));
    const format_list list = bench_formats();
    for (uint32_t i = 0; i < list.count; i++) {
      test_npu_conv(list.formats[i]);
      test_npu_fc(list.formats[i]);
      test_npu_vector(list.formats[i]);
      test_npu_update(list.formats[i]);
    }
    test_npu_errors();
  } else {
    printf("npu: %s\n", npu_result_text(started));
  }
  printf("selftest: %" PRIu32 " passed, %" PRIu32 " failed\n", verdicts_passed(), verdicts_failed());
  return verdicts_failed() != 0;
}
