/* Answers every byte with its capital and the instruction count at which it was met, so that the output tells when
 * input arrived. It sleeps in WFI between bytes; after `p` it polls for the next one. `q` ends it. */
#include <ctype.h>
#include <stdio.h>

#include "firmware/board/board.h"

#define RING 64u
static volatile uint8_t ring[RING];
static volatile uint32_t put, got;

static void on_uart(void* context) {
  (void)context;
  uint8_t byte;
  while (uart_get(board_uart(), &byte) != UART_EMPTY) ring[put++ % RING] = byte;
}

static uint8_t next_by_interrupt(void) {
  for (;;) {
    __asm__ volatile("csrci mstatus, 8" ::: "memory");
    const uint32_t waiting = put != got;
    if (!waiting) __asm__ volatile("wfi" ::: "memory");
    __asm__ volatile("csrsi mstatus, 8" ::: "memory");
    if (waiting) return ring[got++ % RING];
  }
}

static uint8_t next_by_polling(void) {
  uint8_t byte;
  uart_set_interrupts(board_uart(), false, false);
  while (uart_get(board_uart(), &byte) == UART_EMPTY) {
  }
  uart_set_interrupts(board_uart(), true, false);
  return byte;
}

int main(void) {
  board_on_interrupt(SOC_UART_IRQ, on_uart, NULL);
  uart_set_interrupts(board_uart(), true, false);
  printf("ready\n");
  for (uint8_t byte = 0; byte != 'q';) {
    byte = byte == 'p' ? next_by_polling() : next_by_interrupt();
    printf("%c %lu\n", toupper(byte), (unsigned long)board_instructions());
  }
  return 0;
}
