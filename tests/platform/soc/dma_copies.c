/* What a firmware does with the DMA engine, the core asleep meanwhile: copies between DRAM, SRAM and flash, gathers by
 * a list, a checksum, and a copy with the cache maintenance that it needs or, as the run block's address says, without
 * a part of it. Prints a digest of all that was copied. The exit code: 0 the new values, 1 older ones in the last copy,
 * above that the step that failed. */
#include <stdio.h>
#include <string.h>

#include "drivers/crc/crc32.h"
#include "drivers/dma/dma.h"
#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"

#define FORGET_CLEAN 1u
#define FORGET_INVALIDATE 2u
#define BYTES 5000u
#define VALUES 64u
#define FAILED 10
#define PATIENCE_MS 100u

static dma device;
static uint32_t interrupts;
static struct {
  _Alignas(64) dma_descriptor list[4];
  _Alignas(64) uint8_t a[BYTES];
  _Alignas(64) uint8_t b[BYTES];
  _Alignas(64) uint8_t c[BYTES];
  _Alignas(64) uint32_t from[VALUES];
  _Alignas(64) uint32_t to[VALUES];
} shared;

static void on_dma_interrupt(void* context) {
  interrupts++;
  dma_interrupt(context);
}

/* Flash to DRAM, DRAM to DRAM, DRAM to SRAM and back, at odd addresses. */
static int copies(void) {
  uint8_t* const sram = (uint8_t*)(uintptr_t)SOC_SRAM_BASE;
  const uint8_t* const flash = (const uint8_t*)(uintptr_t)SOC_FLASH_BASE;
  if (dma_memcpy(&device, 0, shared.a, flash + 0x101, BYTES, PATIENCE_MS) != DMA_OK) return FAILED + 1;
  for (uint32_t i = 0; i < BYTES; i++) shared.a[i] = (uint8_t)(shared.a[i] + i);
  if (dma_memcpy(&device, 1, shared.b + 7, shared.a + 2, BYTES - 7, PATIENCE_MS) != DMA_OK) return FAILED + 2;
  if (dma_memcpy(&device, 2, sram + 33, shared.b, BYTES, PATIENCE_MS) != DMA_OK) return FAILED + 3;
  if (dma_memcpy(&device, 3, shared.c, sram + 33, BYTES, PATIENCE_MS) != DMA_OK) return FAILED + 4;
  return memcmp(shared.b + 7, shared.a + 2, BYTES - 7) == 0 && memcmp(shared.c, shared.b, BYTES) == 0 ? 0 : FAILED + 5;
}

/* Three pieces of a, gathered in c. */
static int gather(void) {
  const dma_copy pieces[3] = {{dma_address(shared.a + 3000), dma_address(shared.c), 1000, 0},
                              {dma_address(shared.a + 17), dma_address(shared.c + 1000), 41, 0},
                              {dma_address(shared.a), dma_address(shared.c + 1041), 3959, 0}};
  driver_os_clean(shared.a, sizeof shared.a);
  driver_os_invalidate(shared.c, sizeof shared.c);
  if (dma_list_make(shared.list, pieces, 3) != DMA_OK) return FAILED + 6;
  if (dma_list_start(&device, 1, shared.list, 1) != DMA_OK) return FAILED + 7;
  if (dma_wait(&device, 1, PATIENCE_MS) != DMA_OK || dma_list_done(shared.list, 3) != 3) return FAILED + 8;
  driver_os_invalidate(shared.c, sizeof shared.c);
  const bool right = memcmp(shared.c, shared.a + 3000, 1000) == 0 && memcmp(shared.c + 1000, shared.a + 17, 41) == 0 &&
                     memcmp(shared.c + 1041, shared.a, 3959) == 0;
  return right ? 0 : FAILED + 9;
}

/* Lines of c that are dirty are summed as the core sees them. */
static int checksum(void) {
  for (uint32_t i = 0; i < BYTES; i += 3) shared.c[i]++;
  uint32_t crc = 0;
  if (dma_crc32(&device, 2, &crc, shared.c + 1, BYTES - 2, PATIENCE_MS) != DMA_OK) return FAILED + 12;
  const bool right = crc == crc32_update(0, shared.c + 1, BYTES - 2);
  for (uint32_t i = 0; i < BYTES; i += 3) shared.c[i]--;
  return right ? 0 : FAILED + 13;
}

static int copy_with(uint32_t forget) {
  for (uint32_t i = 0; i < VALUES; i++) shared.from[i] = 1, shared.to[i] = 0;
  driver_os_clean(shared.from, sizeof shared.from);
  driver_os_clean(shared.to, sizeof shared.to);
  for (uint32_t i = 0; i < VALUES; i++) shared.from[i] = 2;
  if ((forget & FORGET_CLEAN) == 0) driver_os_clean(shared.from, sizeof shared.from);
  const dma_copy copy = {dma_address(shared.from), dma_address(shared.to), sizeof shared.from, 0};
  if (dma_start(&device, 0, &copy, 0) != DMA_OK || dma_wait(&device, 0, PATIENCE_MS) != DMA_OK) return FAILED + 10;
  if ((forget & FORGET_INVALIDATE) == 0) driver_os_invalidate(shared.to, sizeof shared.to);
  for (uint32_t i = 0; i < VALUES; i++) {
    if (shared.to[i] != 2) return 1;
  }
  return 0;
}

int main(void) {
  const uint32_t forget = board_run_block();
  if (dma_init(&device, SOC_DMA_BASE) != DMA_OK) return FAILED;
  board_on_interrupt(SOC_DMA_IRQ, on_dma_interrupt, &device);
  int failed = copies();
  uint32_t digest = crc32_update(0, shared.b, sizeof shared.b);
  if (failed == 0) failed = gather();
  if (failed == 0) failed = checksum();
  digest = crc32_update(digest, shared.c, sizeof shared.c);
  if (failed == 0 && interrupts != 6) failed = FAILED + 11;
  printf("digest %08lx\n", (unsigned long)digest);
  return failed != 0 ? failed : copy_with(forget);
}
