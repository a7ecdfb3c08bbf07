/* Driver of the NS16550A UART: polling output and input, interrupts on request. */
#ifndef DRIVERS_UART_H
#define DRIVERS_UART_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define UART_FIFO_BYTES 16u
/** Polls of the line status before a byte is given up. */
#define UART_POLLS 1000000u

typedef enum uart_result {
  UART_OK = 0,
  UART_BAD_ARGUMENT, /**< an argument is out of its documented range */
  UART_TIMEOUT,      /**< the transmitter stayed full for UART_POLLS polls */
  UART_EMPTY,        /**< no byte was received */
  UART_OVERRUN,      /**< a byte was lost before the one that is returned */
} uart_result;

/** A device. The fields belong to the driver. */
typedef struct uart {
  uintptr_t base;
  uint32_t room; /**< bytes that the transmitter FIFO takes for sure */
} uart;

/** 8 bits, no parity, one stop bit, FIFOs on and empty, interrupts off. `divisor`: clock / (16 x baud rate).
 *  UART_BAD_ARGUMENT (null, divisor 0): no register was written. */
uart_result uart_init(uart* device, uintptr_t base, uint16_t divisor);

/** Sends one byte; waits while the FIFO is full. UART_TIMEOUT: the byte was not written. */
uart_result uart_put(uart* device, uint8_t byte);

/** Sends bytes in order. UART_TIMEOUT: some were not written. UART_BAD_ARGUMENT (null): no register was touched. */
uart_result uart_write(uart* device, const void* bytes, size_t count);

/** Waits until the last bit has left. UART_TIMEOUT after UART_POLLS polls a byte of the FIFO. */
uart_result uart_flush(uart* device);

/** Takes a received byte. UART_EMPTY: `byte` was not touched. UART_OVERRUN: `byte` holds the next byte that was kept.
 */
uart_result uart_get(uart* device, uint8_t* byte);

/** Turns the interrupts for received bytes and for an empty transmitter on or off. */
void uart_set_interrupts(uart* device, bool receive, bool transmit);

/** Loops transmitted bytes back to the receiver, or not. */
void uart_set_loopback(uart* device, bool on);

#ifdef __cplusplus
}
#endif

#endif
