#include "drivers/finisher/finisher.h"

#include "drivers/finisher/finisher_registers.h"
#include "drivers/mmio/mmio.h"

#define FINISHER_PASSED 0x5555u
#define FINISHER_FAILED 0x3333u
#define FINISHER_REBOOT 0x7777u

void finisher_end(uintptr_t base, uint32_t code) {
  const uint32_t value = code == 0 ? FINISHER_PASSED : FINISHER_FAILED | code << FINISHER_CODE_LSB;
  mmio_write32(base + FINISHER_CONTROL_OFFSET, value);
}

void finisher_reset(uintptr_t base) {
  mmio_write32(base + FINISHER_CONTROL_OFFSET, FINISHER_REBOOT);
}
