#include "drivers/plic/plic.h"

#include "drivers/mmio/mmio.h"
#include "drivers/plic/plic_registers.h"

_Static_assert(PLIC_SOURCES == PLIC_PRIORITY_COUNT, "one priority register a source");

static bool source_valid(uint32_t source) {
  return source != 0 && source < PLIC_SOURCES;
}

plic_result plic_set_priority(uintptr_t base, uint32_t source, uint32_t priority) {
  if (!source_valid(source) || priority > PLIC_PRIORITY_MAX) return PLIC_BAD_ARGUMENT;
  mmio_write32(base + PLIC_PRIORITY_OFFSET + PLIC_PRIORITY_STRIDE * source, priority);
  return PLIC_OK;
}

plic_result plic_enable(uintptr_t base, uint32_t source, bool on) {
  if (!source_valid(source)) return PLIC_BAD_ARGUMENT;
  const uintptr_t word = base + PLIC_ENABLE_OFFSET + PLIC_ENABLE_STRIDE * (source / 32);
  const uint32_t bit = UINT32_C(1) << (source % 32);
  const uint32_t enabled = mmio_read32(word);
  mmio_write32(word, on ? enabled | bit : enabled & ~bit);
  return PLIC_OK;
}

plic_result plic_set_threshold(uintptr_t base, uint32_t threshold) {
  if (threshold > PLIC_PRIORITY_MAX) return PLIC_BAD_ARGUMENT;
  mmio_write32(base + PLIC_THRESHOLD_OFFSET, threshold);
  return PLIC_OK;
}

uint32_t plic_claim(uintptr_t base) {
  return mmio_read32(base + PLIC_CLAIM_OFFSET);
}

plic_result plic_complete(uintptr_t base, uint32_t source) {
  if (!source_valid(source)) return PLIC_BAD_ARGUMENT;
  mmio_write32(base + PLIC_CLAIM_OFFSET, source);
  return PLIC_OK;
}
