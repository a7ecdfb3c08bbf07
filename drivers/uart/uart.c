#include "drivers/uart/uart.h"

#include "drivers/mmio/mmio.h"
#include "drivers/uart/uart_registers.h"

#define WORD_8_BITS 3u

static uint8_t reg_read(const uart* device, uint32_t offset) {
  return mmio_read8(device->base + offset);
}

static void reg_write(const uart* device, uint32_t offset, uint32_t value) {
  mmio_write8(device->base + offset, (uint8_t)value);
}

uart_result uart_init(uart* device, uintptr_t base, uint16_t divisor) {
  if (device == NULL || divisor == 0) return UART_BAD_ARGUMENT;
  *device = (uart){.base = base};
  reg_write(device, UART_IER_OFFSET, 0);
  reg_write(device, UART_LCR_OFFSET, UART_LCR_DLAB_MASK | WORD_8_BITS);
  reg_write(device, UART_DLL_OFFSET, divisor & 0xFFu);
  reg_write(device, UART_DLM_OFFSET, (uint32_t)divisor >> 8);
  reg_write(device, UART_LCR_OFFSET, WORD_8_BITS);
  reg_write(device, UART_FCR_OFFSET, UART_FCR_ENABLE_MASK | UART_FCR_CLEAR_RX_MASK | UART_FCR_CLEAR_TX_MASK);
  reg_write(device, UART_MCR_OFFSET, UART_MCR_DTR_MASK | UART_MCR_RTS_MASK);
  return UART_OK;
}

/* Polls the line status until `mask` is set. */
static bool line_wait(uart* device, uint32_t mask) {
  for (uint32_t polls = 0; polls < UART_POLLS; polls++) {
    if ((reg_read(device, UART_LSR_OFFSET) & mask) != 0) return true;
  }
  return false;
}

uart_result uart_put(uart* device, uint8_t byte) {
  if (device->room == 0) {
    if (!line_wait(device, UART_LSR_THRE_MASK)) return UART_TIMEOUT;
    device->room = UART_FIFO_BYTES; /* THRE: the whole FIFO is empty */
  }
  device->room--;
  reg_write(device, UART_THR_OFFSET, byte);
  return UART_OK;
}

uart_result uart_write(uart* device, const void* bytes, size_t count) {
  if (device == NULL || (bytes == NULL && count != 0)) return UART_BAD_ARGUMENT;
  const uint8_t* next = bytes;
  for (size_t i = 0; i < count; i++) {
    const uart_result result = uart_put(device, next[i]);
    if (result != UART_OK) return result;
  }
  return UART_OK;
}

uart_result uart_flush(uart* device) {
  for (uint32_t byte = 0; byte <= UART_FIFO_BYTES; byte++) {
    if (line_wait(device, UART_LSR_TEMT_MASK)) return UART_OK;
  }
  return UART_TIMEOUT;
}

uart_result uart_get(uart* device, uint8_t* byte) {
  const uint8_t status = reg_read(device, UART_LSR_OFFSET);
  if ((status & UART_LSR_DR_MASK) == 0) return UART_EMPTY;
  *byte = reg_read(device, UART_RBR_OFFSET);
  return (status & UART_LSR_OE_MASK) != 0 ? UART_OVERRUN : UART_OK;
}

void uart_set_interrupts(uart* device, bool receive, bool transmit) {
  uint32_t enable = 0;
  if (receive) enable |= UART_IER_RX_MASK;
  if (transmit) enable |= UART_IER_THRE_MASK;
  reg_write(device, UART_IER_OFFSET, enable);
}

void uart_set_loopback(uart* device, bool on) {
  const uint32_t lines = UART_MCR_DTR_MASK | UART_MCR_RTS_MASK;
  reg_write(device, UART_MCR_OFFSET, on ? lines | UART_MCR_LOOP_MASK : lines);
}
