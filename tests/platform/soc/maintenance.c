/* Copies a buffer with the NPU, with the cache maintenance that a driver needs or, as the run block's address says,
 * without a part of it. The exit code says what the core found in the copy: 0 the new values, 1 older ones. */
#include "drivers/npu/npu_commands.h"
#include "drivers/npu/npu_tensor.h"
#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"

#define FORGET_CLEAN 1u
#define FORGET_INVALIDATE 2u
#define VALUES 64u
#define FAILED 10

static npu device;
static struct {
  _Alignas(64) npu_command ring[4];
  _Alignas(64) npu_descriptor tensors[2];
  _Alignas(64) float from[VALUES];
  _Alignas(64) float to[VALUES];
} shared;

static void on_npu_interrupt(void* context) {
  npu_interrupt(context);
}

static bool copy(void) {
  npu_command command;
  npu_copy(&command, &(npu_copy_arguments){.layer = NPU_NO_LAYER,
                                           .phase = NPU_PHASE_DATA,
                                           .source = npu_address(&shared.tensors[0]),
                                           .destination = npu_address(&shared.tensors[1])});
  uint32_t fence;
  const npu_patience patience = {.period_ticks = driver_os_ticks_per_ms(), .periods = 10};
  return npu_submit_fenced(&device, &command, 1, &fence) == NPU_OK &&
         npu_wait_fence(&device, fence, &patience) == NPU_OK;
}

int main(void) {
  const uint32_t forget = board_run_block();
  npu_config config = {.base = SOC_NPU_BASE, .ring = shared.ring, .ring_address = npu_address(shared.ring)};
  config.ring_commands = 4;
  config.windows[0] = (npu_window){npu_address(&shared), npu_address(&shared + 1) - 1, .read = true, .write = true};
  if (npu_init(&device, &config) != NPU_OK) return FAILED;
  board_on_interrupt(SOC_NPU_IRQ, on_npu_interrupt, &device);

  const npu_shape shape = {.n = 1, .c = VALUES, .h = 1, .w = 1};
  npu_tensor_dense(&shared.tensors[0], npu_address(shared.from), &shape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_tensor_dense(&shared.tensors[1], npu_address(shared.to), &shape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  for (uint32_t i = 0; i < VALUES; i++) shared.from[i] = 1.0f, shared.to[i] = 0.0f;
  driver_os_clean(&shared, sizeof shared);

  for (uint32_t i = 0; i < VALUES; i++) shared.from[i] = 2.0f;
  if ((forget & FORGET_CLEAN) == 0) driver_os_clean(shared.from, sizeof shared.from);
  if (!copy()) return FAILED + 1;
  if ((forget & FORGET_INVALIDATE) == 0) driver_os_invalidate(shared.to, sizeof shared.to);
  for (uint32_t i = 0; i < VALUES; i++) {
    if (shared.to[i] != 2.0f) return 1;
  }
  return 0;
}
