/* What a core of 64 bits does otherwise: integers, doubles, an interrupt (mcause bit 63), semihosting with blocks of
 * 64-bit words. Prints what the test compares. */
#include <stdio.h>

#include "drivers/os/driver_os.h"
#include "firmware/board/board.h"

static uint64_t bits_of(double value) {
  const union {
    double value;
    uint64_t bits;
  } both = {.value = value};
  return both.bits;
}

/* RISC-V Semihosting, "Entry sequence": none of the three is compressed. */
static uint64_t semihosting(uint64_t operation, const void* parameter) {
  register uint64_t a0 __asm__("a0") = operation;
  register const void* a1 __asm__("a1") = parameter;
  __asm__ volatile(
      ".balign 16\n.option push\n.option norvc\nslli zero, zero, 0x1f\nebreak\nsrai zero, zero, 7\n.option pop\n"
      : "+r"(a0)
      : "r"(a1)
      : "memory");
  return a0;
}

int main(void) {
  volatile uint64_t factor = 0x123456789abcdef1;
  printf("product %016llx\n", (unsigned long long)(factor * 0xfedcba9876543210));
  volatile double one = 1;
  double sum = 0;
  for (int i = 1; i <= 1000; ++i) sum += one / i;
  printf("sum %016llx\n", (unsigned long long)bits_of(sum));
  board_timer_interrupt_at(driver_os_now() + 100);
  while (board_timer_interrupts() == 0) __asm__ volatile("wfi");
  printf("interrupts %u\n", (unsigned)board_timer_interrupts());
  static const char text[] = "written by semihosting\n";
  const uint64_t block[3] = {1, (uint64_t)(uintptr_t)text, sizeof text - 1};
  printf("not written %llu\n", (unsigned long long)semihosting(0x05, block));
  return 0;
}
