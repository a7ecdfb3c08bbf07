#include "drivers/watchdog/watchdog.h"

#include "drivers/mmio/mmio.h"
#include "drivers/watchdog/watchdog_registers.h"

#define WATCHDOG_ID_VALUE 0x474F4457u /* "WDOG" */
#define WATCHDOG_KICK_VALUE 0x4B49434Bu

static bool locked(uintptr_t base) {
  return (mmio_read32(base + WATCHDOG_CTRL_OFFSET) & WATCHDOG_CTRL_LOCK_MASK) != 0;
}

watchdog_result watchdog_start(uintptr_t base, uint32_t ticks, bool interrupt) {
  if (ticks == 0) return WATCHDOG_BAD_ARGUMENT;
  if (mmio_read32(base + WATCHDOG_ID_OFFSET) != WATCHDOG_ID_VALUE) return WATCHDOG_NOT_FOUND;
  if (locked(base)) return WATCHDOG_LOCKED;
  mmio_write32(base + WATCHDOG_CTRL_OFFSET, 0);
  mmio_write32(base + WATCHDOG_LOAD_OFFSET, ticks);
  mmio_write32(base + WATCHDOG_KICK_OFFSET, WATCHDOG_KICK_VALUE);
  const uint32_t irq = interrupt ? WATCHDOG_CTRL_IRQ_MASK : 0;
  mmio_write32(base + WATCHDOG_CTRL_OFFSET, WATCHDOG_CTRL_ENABLE_MASK | irq);
  return WATCHDOG_OK;
}

void watchdog_kick(uintptr_t base) {
  mmio_write32(base + WATCHDOG_KICK_OFFSET, WATCHDOG_KICK_VALUE);
}

watchdog_result watchdog_stop(uintptr_t base) {
  if (mmio_read32(base + WATCHDOG_ID_OFFSET) != WATCHDOG_ID_VALUE) return WATCHDOG_NOT_FOUND;
  if (locked(base)) return WATCHDOG_LOCKED;
  mmio_write32(base + WATCHDOG_CTRL_OFFSET, 0);
  return WATCHDOG_OK;
}

void watchdog_lock(uintptr_t base) {
  const uint32_t control = mmio_read32(base + WATCHDOG_CTRL_OFFSET);
  mmio_write32(base + WATCHDOG_CTRL_OFFSET, control | WATCHDOG_CTRL_LOCK_MASK);
}

bool watchdog_take_expired(uintptr_t base) {
  if ((mmio_read32(base + WATCHDOG_STATUS_OFFSET) & WATCHDOG_STATUS_EXPIRED_MASK) == 0) return false;
  mmio_write32(base + WATCHDOG_STATUS_OFFSET, WATCHDOG_STATUS_EXPIRED_MASK);
  return true;
}

watchdog_cause watchdog_reset_cause(uintptr_t base) {
  return (watchdog_cause)(mmio_read32(base + WATCHDOG_CAUSE_OFFSET) & WATCHDOG_CAUSE_RESET_MASK);
}

uint32_t watchdog_hz(uintptr_t base) {
  return mmio_read32(base + WATCHDOG_HZ_OFFSET);
}
