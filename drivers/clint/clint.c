#include "drivers/clint/clint.h"

#include "drivers/clint/clint_registers.h"
#include "drivers/mmio/mmio.h"

uint64_t clint_time(uintptr_t base) {
  uint32_t high = mmio_read32(base + CLINT_MTIME_HI_OFFSET);
  for (;;) {
    const uint32_t low = mmio_read32(base + CLINT_MTIME_LO_OFFSET);
    const uint32_t again = mmio_read32(base + CLINT_MTIME_HI_OFFSET);
    if (again == high) return (uint64_t)high << 32 | low;
    high = again; /* the low half wrapped in between */
  }
}

/* Order of the halves as in the Privileged ISA, section "Machine Timer Registers". */
void clint_set_deadline(uintptr_t base, uint64_t deadline_ticks) {
  mmio_write32(base + CLINT_MTIMECMP_LO_OFFSET, UINT32_MAX);
  mmio_write32(base + CLINT_MTIMECMP_HI_OFFSET, (uint32_t)(deadline_ticks >> 32));
  mmio_write32(base + CLINT_MTIMECMP_LO_OFFSET, (uint32_t)deadline_ticks);
}

void clint_clear_deadline(uintptr_t base) {
  mmio_write32(base + CLINT_MTIMECMP_LO_OFFSET, UINT32_MAX);
  mmio_write32(base + CLINT_MTIMECMP_HI_OFFSET, UINT32_MAX);
}

void clint_set_software_interrupt(uintptr_t base, uint32_t level) {
  mmio_write32(base + CLINT_MSIP_OFFSET, level != 0 ? CLINT_MSIP_PENDING_MASK : 0);
}
