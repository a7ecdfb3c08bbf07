/* Device registers that are polled, CSRs, and interrupts with more or less work between them. */
#include <stdbool.h>

#include "drivers/clint/clint_registers.h"
#include "drivers/plic/plic_registers.h"
#include "drivers/soc/memory_map.h"
#include "drivers/uart/uart_registers.h"
#include "firmware/bench/bench.h"
#include "firmware/bench/kernels.h"
#include "firmware/board/board.h"

static uint32_t uart_status(uint32_t rounds) {
  const volatile uint8_t* const status = (const volatile uint8_t*)(SOC_UART_BASE + UART_LSR_OFFSET);
  uint32_t ready = 0;
  while (ready < rounds) ready += (*status & UART_LSR_THRE_MASK) != 0;
  return ready;
}

static uint32_t polled_words(uint32_t address, uint32_t rounds) {
  const volatile uint32_t* const word = (const volatile uint32_t*)address;
  uint32_t zeros = 0;
  for (uint32_t poll = 0; poll < rounds; poll++) zeros += *word == 0;
  return zeros;
}

static uint32_t clint_time(uint32_t rounds) {
  const volatile uint32_t* const time = (const volatile uint32_t*)(SOC_CLINT_BASE + CLINT_MTIME_LO_OFFSET);
  uint32_t last = *time, forward = 0;
  for (uint32_t poll = 0; poll < rounds; poll++) {
    const uint32_t now = *time;
    if (now - last < 0x80000000u) forward++;
    last = now;
  }
  return forward;
}

static uint32_t clint_software(uint32_t rounds) {
  return polled_words(SOC_CLINT_BASE + CLINT_MSIP_OFFSET, rounds);
}

static uint32_t plic_pending(uint32_t rounds) {
  return polled_words(SOC_PLIC_BASE + 0x1000u, rounds);
}

static uint32_t plic_claim(uint32_t rounds) {
  return polled_words(SOC_PLIC_BASE + 0x200004u, rounds);
}

static uint32_t counters(uint32_t rounds) {
  uint32_t forward = 0, last = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    uint32_t cycles, instructions;
    __asm__ volatile("rdcycle %0\n\trdinstret %1" : "=r"(cycles), "=r"(instructions));
    forward += instructions != last && cycles != 0xffffffffu;
    last = instructions;
  }
  return forward;
}

static uint32_t scratch(uint32_t rounds) {
  uint32_t value = 1;
  for (uint32_t round = 0; round < rounds; round++) {
    __asm__ volatile("csrrw %0, mscratch, %0" : "+r"(value));
    value += round;
  }
  return value;
}

/* Critical sections: interrupts off and on again. */
static uint32_t masking(uint32_t rounds) {
  uint32_t sum = 0;
  for (uint32_t round = 0; round < rounds; round++) {
    uint32_t status;
    __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(status)::"memory");
    sum += round ^ sum >> 3;
    __asm__ volatile("csrs mstatus, %0" ::"r"(status & 8) : "memory");
  }
  return sum;
}

static uint32_t interrupts_after(uint32_t rounds, uint32_t work) {
  uint32_t state = 1;
  for (uint32_t i = 0; i < rounds; i++) {
    for (uint32_t j = 0; j < work; j++) bench_random(&state);
    board_timer_interrupt_at(0);
  }
  return state + board_timer_interrupts();
}
static uint32_t often(uint32_t rounds) {
  return interrupts_after(rounds, 10);
}
static uint32_t now_and_then(uint32_t rounds) {
  return interrupts_after(rounds, 100);
}
static uint32_t seldom(uint32_t rounds) {
  return interrupts_after(rounds, 2000);
}

uint32_t bench_run(uint32_t rounds) {
  switch (bench_kernel()) {
#define DEVICE(function, text, turns) \
  case KERNEL_##function:             \
    return function(rounds);
#include "firmware/bench/kernels.def"
  }
  return 0;
}
