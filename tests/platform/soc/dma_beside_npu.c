/* The NPU and the DMA engine copy in DRAM at the same time, the core asleep. The exit code: 0 all copies are right,
 * and the checksum of some of them. */
#include <string.h>

#include "drivers/crc/crc32.h"
#include "drivers/dma/dma.h"
#include "drivers/dma/dma_registers.h"
#include "drivers/npu/npu_commands.h"
#include "drivers/npu/npu_tensor.h"
#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"

#define VALUES 65536u /* of a tensor of 256 KiB */
#define ROUNDS 4u
#define SUMMED 2u /* copies that are summed: all of the source once */

static npu processor;
static dma engine;
static struct {
  _Alignas(64) npu_command ring[8];
  _Alignas(64) npu_descriptor tensors[2];
  _Alignas(64) dma_descriptor list[2 * ROUNDS];
  _Alignas(64) float npu_from[VALUES];
  _Alignas(64) float npu_to[VALUES];
  _Alignas(64) uint32_t dma_from[VALUES];
  _Alignas(64) uint32_t dma_to[VALUES];
} shared;

static void on_npu_interrupt(void* context) {
  npu_interrupt(context);
}

static void on_dma_interrupt(void* context) {
  dma_interrupt(context);
}

static bool npu_start(uint32_t* fence) {
  npu_config config = {.base = SOC_NPU_BASE, .ring = shared.ring, .ring_address = npu_address(shared.ring)};
  config.ring_commands = 8;
  config.windows[0] = (npu_window){npu_address(&shared), npu_address(&shared + 1) - 1, .read = true, .write = true};
  if (npu_init(&processor, &config) != NPU_OK) return false;
  board_on_interrupt(SOC_NPU_IRQ, on_npu_interrupt, &processor);
  const npu_shape shape = {.n = 1, .c = 64, .h = 32, .w = 32};
  npu_tensor_dense(&shared.tensors[0], npu_address(shared.npu_from), &shape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  npu_tensor_dense(&shared.tensors[1], npu_address(shared.npu_to), &shape, NPU_FORMAT_FP32, NPU_CLASS_ACTIVATION);
  driver_os_clean(&shared, sizeof shared);
  npu_command commands[ROUNDS];
  for (uint32_t i = 0; i < ROUNDS; i++) {
    npu_copy(&commands[i], &(npu_copy_arguments){.layer = NPU_NO_LAYER,
                                                 .phase = NPU_PHASE_DATA,
                                                 .source = npu_address(&shared.tensors[0]),
                                                 .destination = npu_address(&shared.tensors[1])});
  }
  return npu_submit_fenced(&processor, commands, ROUNDS, fence) == NPU_OK;
}

/* The lower half of the destination, then the upper one, over and over. */
static bool dma_begin(void) {
  if (dma_init(&engine, SOC_DMA_BASE) != DMA_OK) return false;
  board_on_interrupt(SOC_DMA_IRQ, on_dma_interrupt, &engine);
  dma_copy copies[2 * ROUNDS];
  const uint32_t half = sizeof shared.dma_from / 2;
  for (uint32_t i = 0; i < 2 * ROUNDS; i++) {
    const uint32_t offset = i % 2 * half;
    const uint32_t control = i < SUMMED ? DMA_CH_CONTROL_CRC_MASK : 0;
    copies[i] = (dma_copy){dma_address(shared.dma_from) + offset, dma_address(shared.dma_to) + offset, half, control};
  }
  return dma_list_make(shared.list, copies, 2 * ROUNDS) == DMA_OK &&
         dma_list_start(&engine, 0, shared.list, 0) == DMA_OK;
}

int main(void) {
  for (uint32_t i = 0; i < VALUES; i++) shared.npu_from[i] = (float)i, shared.dma_from[i] = i * 2654435761u;
  uint32_t fence;
  if (!npu_start(&fence)) return 10;
  if (!dma_begin()) return 11;
  const npu_patience patience = {.period_ticks = 100 * driver_os_ticks_per_ms(), .periods = 10};
  if (npu_wait_fence(&processor, fence, &patience) != NPU_OK) return 12;
  if (dma_wait(&engine, 0, 1000) != DMA_OK) return 13;
  if (dma_list_done(shared.list, 2 * ROUNDS) != 2 * ROUNDS) return 14;
  if (dma_crc(&engine, 0) != crc32_update(0, shared.dma_from, sizeof shared.dma_from)) return 17;
  driver_os_invalidate(shared.npu_to, sizeof shared.npu_to);
  driver_os_invalidate(shared.dma_to, sizeof shared.dma_to);
  if (memcmp(shared.npu_to, shared.npu_from, sizeof shared.npu_to) != 0) return 15;
  return memcmp(shared.dma_to, shared.dma_from, sizeof shared.dma_to) == 0 ? 0 : 16;
}
