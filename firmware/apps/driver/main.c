/* A driver of one's own: the watchdog interrupts every millisecond, and is fed. It has a mistake that the chip would
 * not report: docs/firmware.md finds it. */
#include <stdio.h>

#include "drivers/mmio/mmio.h"
#include "drivers/watchdog/watchdog_registers.h"
#include "firmware/board/board.h"

#define KICK_KEY 0x4B49434Bu

static uint32_t read_register(uintptr_t offset) {
  return mmio_read32(SOC_WATCHDOG_BASE + offset);
}

static void write_register(uintptr_t offset, uint32_t value) {
  mmio_write32(SOC_WATCHDOG_BASE + offset, value);
}

static volatile int barks;

static void on_watchdog(void* context) {
  (void)context;
  barks++;
  write_register(WATCHDOG_STATUS_OFFSET, WATCHDOG_STATUS_EXPIRED_MASK);
  write_register(WATCHDOG_KICK_OFFSET, KICK_KEY);
}

int main(void) {
  const uint32_t ticks = read_register(WATCHDOG_HZ_OFFSET) / 1000;
  board_on_interrupt(SOC_WATCHDOG_IRQ, on_watchdog, NULL);
  write_register(WATCHDOG_KICK_OFFSET, ticks); /* the mistake: nothing but the key loads the counter */
  write_register(WATCHDOG_LOAD_OFFSET, ticks);
  write_register(WATCHDOG_CTRL_OFFSET, WATCHDOG_CTRL_ENABLE_MASK | WATCHDOG_CTRL_IRQ_MASK);
  while (barks < 3) __asm__ volatile("wfi");
  write_register(WATCHDOG_CTRL_OFFSET, 0);
  printf("%d barks\n", barks);
  return 0;
}
