/* MMIO poll: the line status of the UART, over and over. */
#include "drivers/soc/memory_map.h"
#include "drivers/uart/uart_registers.h"
#include "firmware/bench/bench.h"

uint32_t bench_run(uint32_t rounds) {
  const volatile uint8_t* const status = (const volatile uint8_t*)(SOC_UART_BASE + UART_LSR_OFFSET);
  uint32_t ready = 0;
  for (uint32_t poll = 0; poll < rounds; poll++) {
    if ((*status & UART_LSR_THRE_MASK) != 0) ready++;
  }
  return ready;
}
