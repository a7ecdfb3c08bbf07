/* UART, timer, flash, DMA engine and watchdog: each does what its driver says, and its interrupt arrives. */
#include <string.h>

#include "drivers/dma/dma.h"
#include "drivers/flash/flash.h"
#include "drivers/os/driver_os.h"
#include "drivers/watchdog/watchdog.h"
#include "firmware/apps/selftest/selftest.h"
#include "firmware/board/board.h"

#define LOOPBACK_POLLS 100000u

static flash storage;
static dma engine;
static volatile uint32_t flash_interrupts, dma_interrupts, watchdog_interrupts;

static void serve_flash(void* device) {
  flash_interrupts++;
  flash_interrupt(device);
}

static void serve_dma(void* device) {
  dma_interrupts++;
  dma_interrupt(device);
}

static void serve_watchdog(void* context) {
  (void)context;
  if (watchdog_take_expired(SOC_WATCHDOG_BASE)) watchdog_interrupts++;
}

/* Sleeps until the counter is not 0, or 1 s has passed. */
static bool wait_for(volatile uint32_t* counter) {
  const uint64_t deadline = driver_os_now() + 1000 * driver_os_ticks_per_ms();
  for (;;) {
    const uint32_t state = driver_os_lock();
    const bool seen = *counter != 0;
    if (!seen) driver_os_wait(deadline);
    driver_os_unlock(state);
    if (seen) return true;
    if (driver_os_now() >= deadline) return false;
  }
}

static bool uart_loops_back(void) {
  uart* device = board_uart();
  if (uart_flush(device) != UART_OK) return false;
  uart_set_loopback(device, true);
  uint8_t byte = 0;
  uart_result result = uart_put(device, 0xA5);
  for (uint32_t polls = 0; result == UART_OK && polls < LOOPBACK_POLLS; polls++) {
    result = uart_get(device, &byte);
    if (result == UART_OK) break;
    result = UART_OK;
  }
  uart_flush(device);
  uart_set_loopback(device, false);
  return byte == 0xA5;
}

static bool timer_interrupts_on_time(void) {
  const uint32_t before = board_timer_interrupts();
  const uint64_t start = driver_os_now(), deadline = start + 10 * driver_os_ticks_per_ms();
  board_timer_interrupt_at(deadline);
  while (board_timer_interrupts() == before) {
    if (driver_os_now() > deadline + 10 * driver_os_ticks_per_ms()) return false;
  }
  return driver_os_now() >= deadline && board_timer_interrupts() == before + 1;
}

/* The last sector below the checkpoints: beyond any firmware image, and nobody's. */
static void test_flash(void) {
  const bool found = flash_init(&storage, SOC_FLASH_CTRL_BASE, SOC_FLASH_BASE) == FLASH_OK;
  verdict("flash", "identifies itself", found);
  if (!found) return;
  board_on_interrupt(SOC_FLASH_IRQ, serve_flash, &storage);
  const uint32_t sector = storage.size_bytes / 2 - storage.sector_bytes;
  uint8_t pattern[700], back[700];
  for (unsigned i = 0; i < sizeof pattern; i++) pattern[i] = (uint8_t)(i * 31 + 7);
  verdict("flash", "erases a sector", flash_erase(&storage, sector, storage.sector_bytes) == FLASH_OK);
  verdict("flash", "interrupts when done", flash_interrupts != 0);
  verdict("flash", "programs over page borders",
          flash_program(&storage, sector + 3, pattern, sizeof pattern) == FLASH_OK);
  memset(back, 0, sizeof back);
  const bool read = flash_read(&storage, sector + 3, back, sizeof back) == FLASH_OK;
  verdict("flash", "reads back what was written", read && memcmp(back, pattern, sizeof back) == 0);
  verdict("flash", "refuses a range beyond its end",
          flash_erase(&storage, storage.size_bytes, storage.sector_bytes) == FLASH_BAD_ARGUMENT);
  verdict("flash", "leaves the sector erased", flash_erase(&storage, sector, storage.sector_bytes) == FLASH_OK);
}

static void test_dma(void) {
  const bool found = dma_init(&engine, SOC_DMA_BASE) == DMA_OK;
  verdict("dma", "identifies itself", found);
  if (!found) return;
  board_on_interrupt(SOC_DMA_IRQ, serve_dma, &engine);
  static uint8_t from[1000], to[1000];
  for (unsigned i = 0; i < sizeof from; i++) from[i] = (uint8_t)(i * 13 + 5);
  const bool copied = dma_memcpy(&engine, 0, to + 1, from + 2, sizeof from - 2, 1000) == DMA_OK;
  verdict("dma", "copies", copied && memcmp(to + 1, from + 2, sizeof from - 2) == 0);
  verdict("dma", "interrupts when done", dma_interrupts == 1);
  const dma_copy beyond = {.source = UINT32_MAX, .destination = dma_address(to), .bytes = 2};
  const bool failed = dma_start(&engine, 1, &beyond, 0) == DMA_OK && dma_wait(&engine, 1, 1000) == DMA_FAILED;
  const dma_error_report report = dma_error_read(&engine, 1);
  verdict("dma", "says what cannot be copied", failed && report.code == DMA_ERROR_RANGE && report.moved == 0);
}

static void test_watchdog(void) {
  board_on_interrupt(SOC_WATCHDOG_IRQ, serve_watchdog, NULL);
  const uint32_t ticks = watchdog_hz(SOC_WATCHDOG_BASE) / 1000;
  const bool started = watchdog_start(SOC_WATCHDOG_BASE, ticks != 0 ? ticks : 1, true) == WATCHDOG_OK;
  verdict("watchdog", "starts", started);
  if (!started) return;
  const bool seen = wait_for(&watchdog_interrupts);
  const bool stopped = watchdog_stop(SOC_WATCHDOG_BASE) == WATCHDOG_OK;
  verdict("watchdog", "interrupts at its first expiry and stops", seen && stopped);
}

void test_devices(void) {
  verdict("uart", "loops a byte back", uart_loops_back());
  verdict("timer", "interrupts once, and not early", timer_interrupts_on_time());
  test_flash();
  test_dma();
  test_watchdog();
}
