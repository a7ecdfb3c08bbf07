/* Interrupt storm: the timer's deadline always lies in the past, so that every instruction that allows its interrupt is
 * followed by one. The handler saves all that C may change, and talks to the CLINT. */
#include "firmware/bench/bench.h"
#include "firmware/board/board.h"

uint32_t bench_run(uint32_t rounds) {
  for (uint32_t i = 0; i < rounds; i++) board_timer_interrupt_at(0);
  return board_timer_interrupts();
}
