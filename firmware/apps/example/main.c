/* A complete firmware of one's own: the NPU adds a bias to eight numbers, and the core sleeps meanwhile. */
#include <stdio.h>

#include "drivers/npu/npu_commands.h"
#include "drivers/npu/npu_tensor.h"
#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"

static npu device;
static struct {
  _Alignas(64) npu_command ring[4];
  _Alignas(64) npu_descriptor tensors[3];
  _Alignas(64) float x[8], bias[8], y[8];
} shared;

static void on_npu_interrupt(void* context) {
  npu_interrupt(context);
}

int main(void) {
  npu_config config = {.base = SOC_NPU_BASE, .ring = shared.ring, .ring_address = npu_address(shared.ring)};
  config.ring_commands = 4;
  config.windows[0] = (npu_window){npu_address(&shared), npu_address(&shared + 1) - 1, .read = true, .write = true};
  if (npu_init(&device, &config) != NPU_OK) return 1;
  board_on_interrupt(SOC_NPU_IRQ, on_npu_interrupt, &device);

  const npu_shape shape = {.n = 1, .c = 8, .h = 1, .w = 1};
  npu_tensor_dense(&shared.tensors[0], npu_address(shared.x), &shape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_tensor_dense(&shared.tensors[1], npu_address(shared.bias), &shape, NPU_FORMAT_FP32, NPU_CLASS_MASTER);
  npu_tensor_dense(&shared.tensors[2], npu_address(shared.y), &shape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  for (int i = 0; i < 8; i++) shared.x[i] = (float)i, shared.bias[i] = 10.0f;
  driver_os_clean(&shared, sizeof shared);

  npu_command command;
  npu_bias_ff(&command, &(npu_bias_ff_arguments){.x = npu_address(&shared.tensors[0]),
                                                 .bias = npu_address(&shared.tensors[1]),
                                                 .y = npu_address(&shared.tensors[2])});
  uint32_t fence;
  const npu_patience patience = {.period_ticks = driver_os_ticks_per_ms(), .periods = 10};
  if (npu_submit_fenced(&device, &command, 1, &fence) != NPU_OK) return 2;
  if (npu_wait_fence(&device, fence, &patience) != NPU_OK) return 3;
  driver_os_invalidate(shared.y, sizeof shared.y);
  for (int i = 0; i < 8; i++) printf("%d ", (int)shared.y[i]);
  printf("\n");
  return shared.y[7] == 17.0f ? 0 : 4;
}
