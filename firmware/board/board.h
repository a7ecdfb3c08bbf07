/* The board under a firmware: console, interrupts, sleep, caches, the end. board_start (called by
 * firmware/boot/start.S) brings it up, calls main() and ends the simulation with main's result. */
#ifndef FIRMWARE_BOARD_H
#define FIRMWARE_BOARD_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/soc/memory_map.h"
#include "drivers/uart/uart.h"

/** Exit code after an unexpected trap. */
#define BOARD_EXIT_TRAP 250u
/** Exit code when a device that every firmware needs does not answer. */
#define BOARD_EXIT_DEVICE 251u
/** Zicbom block size of the board's caches. */
#define BOARD_CACHE_BLOCK_BYTES 64u
/** CLINT ticks in a millisecond. */
#define BOARD_TICKS_PER_MS 10000u

typedef void (*board_handler)(void* context);

/** Calls `handler(context)` for each interrupt of a PLIC source (SOC_NPU_IRQ, ...) and enables the source. The handler
 *  must make the device lower its line. False when the source is out of range. */
bool board_on_interrupt(uint32_t source, board_handler handler, void* context);

/** Address that the loader passed in a1: of the run block, or whatever the loader put there; 0: none. */
uint32_t board_run_block(void);

/** The console's UART. */
uart* board_uart(void);

/** Timer interrupts taken since the start. */
uint32_t board_timer_interrupts(void);

/** Lets the timer interrupt come once at `deadline_ticks` (driver_os_now). */
void board_timer_interrupt_at(uint64_t deadline_ticks);

/** Calls `handler(context)` once, from the timer interrupt, at `deadline_ticks` (driver_os_now) or as soon as
 * interrupts are on after it; sleeping in driver_os_wait does not delay it. UINT64_MAX: no longer. One alarm at a time:
 * the last call counts, the handler may make the next one. */
void board_alarm_at(uint64_t deadline_ticks, board_handler handler, void* context);

/** Cycles and instructions of the core since power-on. */
uint64_t board_cycles(void);
uint64_t board_instructions(void);

/** Part of DRAM that code, variables and stack of this firmware take: [start, end). */
uint32_t board_image_start(void);
uint32_t board_image_end(void);

/** Flushes the console and ends the simulation: 0 passed, otherwise failed with the code. */
_Noreturn void board_end(uint32_t code);

#endif
