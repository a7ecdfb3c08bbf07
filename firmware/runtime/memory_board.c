/* Memory as the board has it: addresses are what they say, and a DMA engine stands beside the core. */
#include "drivers/crc/crc32.h"
#include "drivers/dma/dma.h"
#include "firmware/board/board.h"
#include "firmware/runtime/memory.h"

#define CRC_CHANNEL 0u
#define CRC_MIN_BYTES 1024u    /* fewer take the core less than a start of the engine and its interrupt */
#define CRC_PATIENCE_MS 10000u /* many times what all of the DRAM takes */

void* memory_at(uint32_t address) {
  return (void*)(uintptr_t)address;
}

static void on_dma_interrupt(void* context) {
  dma_interrupt(context);
}

/* The engine, if it has the checksum; null: it has not, or there is none. */
static dma* checksum_engine(void) {
  static dma engine;
  static bool asked, usable;
  if (!asked) {
    asked = true;
    usable = dma_init(&engine, SOC_DMA_BASE) == DMA_OK && engine.has_crc &&
             board_on_interrupt(SOC_DMA_IRQ, on_dma_interrupt, &engine);
  }
  return usable ? &engine : NULL;
}

uint32_t memory_crc32(uint32_t crc, const void* data, uint32_t size_bytes) {
  dma* engine = size_bytes < CRC_MIN_BYTES ? NULL : checksum_engine();
  if (engine != NULL && dma_crc32(engine, CRC_CHANNEL, &crc, data, size_bytes, CRC_PATIENCE_MS) == DMA_OK) return crc;
  return crc32_update(crc, data, size_bytes);
}
