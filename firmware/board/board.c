#include "firmware/board/board.h"

#include <stdio.h>

#include "drivers/clint/clint.h"
#include "drivers/finisher/finisher.h"
#include "drivers/os/driver_os.h"
#include "drivers/plic/plic.h"

#define UART_DIVISOR 2u /* 115200 baud from 3.6864 MHz */
#define HANDLERS 32u

#define MSTATUS_MIE 8u
#define MIE_MTIE (1u << 7)
#define MIE_MEIE (1u << 11)
#define CAUSE_INTERRUPT ((uintptr_t)1 << (8 * sizeof(uintptr_t) - 1))
#define CAUSE_TIMER (CAUSE_INTERRUPT | 7u)
#define CAUSE_EXTERNAL (CAUSE_INTERRUPT | 11u)

extern char __image_start[], __image_end[];

int main(void);
void board_start(uint32_t run_block);
void board_on_trap(uintptr_t cause, uintptr_t pc, uintptr_t value);

static uart console;
static uint32_t run_block_address;
static volatile uint32_t timer_interrupts;
static struct {
  board_handler handler;
  void* context;
} handlers[HANDLERS];

static struct {
  uint64_t deadline_ticks; /* UINT64_MAX: none */
  board_handler handler;
  void* context;
} alarm = {.deadline_ticks = UINT64_MAX};

static int console_put(char c, FILE* file) {
  (void)file;
  if (c == '\n') uart_put(&console, '\r');
  return uart_put(&console, (uint8_t)c) == UART_OK ? (unsigned char)c : EOF;
}

static FILE console_file = FDEV_SETUP_STREAM(console_put, NULL, NULL, _FDEV_SETUP_WRITE);
FILE* const stdout = &console_file;
FILE* const stderr = &console_file;

#define CSR_READER(csr)                               \
  static uintptr_t csr##_read(void) {                 \
    uintptr_t value;                                  \
    __asm__ volatile("csrr %0, " #csr : "=r"(value)); \
    return value;                                     \
  }
CSR_READER(mcycle)
CSR_READER(minstret)
#if __riscv_xlen == 32
CSR_READER(mcycleh)
CSR_READER(minstreth)
#endif
#define CSR_SET(csr, bits) __asm__ volatile("csrs " #csr ", %0" : : "r"(bits) : "memory")
#define CSR_CLEAR(csr, bits) __asm__ volatile("csrc " #csr ", %0" : : "r"(bits) : "memory")

void board_start(uint32_t run_block) {
  run_block_address = run_block;
  if (uart_init(&console, SOC_UART_BASE, UART_DIVISOR) != UART_OK) board_end(BOARD_EXIT_DEVICE);
  clint_clear_deadline(SOC_CLINT_BASE);
  plic_set_threshold(SOC_PLIC_BASE, 0);
  CSR_SET(mie, MIE_MEIE);
  CSR_SET(mstatus, MSTATUS_MIE);
  board_end((uint32_t)main());
}

void board_end(uint32_t code) {
  CSR_CLEAR(mstatus, MSTATUS_MIE);
  uart_flush(&console);
  finisher_end(SOC_FINISHER_BASE, code > UINT16_MAX ? UINT16_MAX : code);
  for (;;) __asm__ volatile("wfi");
}

static const char* cause_text(uintptr_t cause) {
  static const char* const texts[] = {"misaligned fetch", "fetch access fault", "illegal instruction",
                                      "breakpoint",       "misaligned load",    "load access fault",
                                      "misaligned store", "store access fault"};
  return cause < sizeof texts / sizeof texts[0] ? texts[cause] : "exception";
}

/* The timer waits for the alarm, if there is one. */
static void alarm_arm(void) {
  if (alarm.deadline_ticks == UINT64_MAX) return;
  clint_set_deadline(SOC_CLINT_BASE, alarm.deadline_ticks);
  CSR_SET(mie, MIE_MTIE);
}

static void external_interrupt(void) {
  for (uint32_t source = plic_claim(SOC_PLIC_BASE); source != 0; source = plic_claim(SOC_PLIC_BASE)) {
    if (source < HANDLERS && handlers[source].handler != NULL) {
      handlers[source].handler(handlers[source].context);
    } else {
      plic_enable(SOC_PLIC_BASE, source, false); /* nobody would ever lower the line */
    }
    plic_complete(SOC_PLIC_BASE, source);
  }
}

static void timer_interrupt(void) {
  clint_clear_deadline(SOC_CLINT_BASE);
  CSR_CLEAR(mie, MIE_MTIE);
  timer_interrupts++;
  if (alarm.deadline_ticks == UINT64_MAX) return;
  if (clint_time(SOC_CLINT_BASE) < alarm.deadline_ticks) {
    alarm_arm();
    return;
  }
  alarm.deadline_ticks = UINT64_MAX;
  alarm.handler(alarm.context);
}

void board_on_trap(uintptr_t cause, uintptr_t pc, uintptr_t value) {
  if (cause == CAUSE_EXTERNAL) {
    external_interrupt();
  } else if (cause == CAUSE_TIMER) {
    timer_interrupt();
  } else {
    printf("\ntrap: %s, mcause 0x%lx, mepc 0x%08lx, mtval 0x%08lx\n", cause_text(cause), (unsigned long)cause,
           (unsigned long)pc, (unsigned long)value);
    board_end(BOARD_EXIT_TRAP);
  }
}

bool board_on_interrupt(uint32_t source, board_handler handler, void* context) {
  if (source == 0 || source >= HANDLERS) return false;
  handlers[source].handler = handler;
  handlers[source].context = context;
  plic_set_priority(SOC_PLIC_BASE, source, 1);
  plic_enable(SOC_PLIC_BASE, source, true);
  return true;
}

uint32_t board_run_block(void) {
  return run_block_address;
}

uart* board_uart(void) {
  return &console;
}

uint32_t board_timer_interrupts(void) {
  return timer_interrupts;
}

void board_alarm_at(uint64_t deadline_ticks, board_handler handler, void* context) {
  const uint32_t state = driver_os_lock();
  alarm.deadline_ticks = deadline_ticks;
  alarm.handler = handler;
  alarm.context = context;
  CSR_CLEAR(mie, MIE_MTIE);
  alarm_arm();
  driver_os_unlock(state);
}

void board_timer_interrupt_at(uint64_t deadline_ticks) {
  clint_set_deadline(SOC_CLINT_BASE, deadline_ticks);
  CSR_SET(mie, MIE_MTIE);
}

#if __riscv_xlen == 32
static uint64_t counter_join(uint32_t high, uint32_t low) {
  return (uint64_t)high << 32 | low;
}

uint64_t board_cycles(void) {
  for (;;) {
    const uint32_t high = mcycleh_read(), low = mcycle_read();
    if (mcycleh_read() == high) return counter_join(high, low);
  }
}

uint64_t board_instructions(void) {
  for (;;) {
    const uint32_t high = minstreth_read(), low = minstret_read();
    if (minstreth_read() == high) return counter_join(high, low);
  }
}
#else
uint64_t board_cycles(void) {
  return mcycle_read();
}

uint64_t board_instructions(void) {
  return minstret_read();
}
#endif

uint32_t board_image_start(void) {
  return (uint32_t)(uintptr_t)__image_start;
}

uint32_t board_image_end(void) {
  return (uint32_t)(uintptr_t)__image_end;
}

/* The driver's surroundings (drivers/os/driver_os.h) on this board. */

uint32_t driver_os_lock(void) {
  uint32_t before;
  __asm__ volatile("csrrci %0, mstatus, 8" : "=r"(before) : : "memory");
  return before & MSTATUS_MIE;
}

void driver_os_unlock(uint32_t state) {
  CSR_SET(mstatus, state);
}

uint64_t driver_os_now(void) {
  return clint_time(SOC_CLINT_BASE);
}

uint64_t driver_os_ticks_per_ms(void) {
  return BOARD_TICKS_PER_MS;
}

/* The timer only ends the sleep: it is off again, or the alarm's, before interrupts are on. */
void driver_os_wait(uint64_t deadline_ticks) {
  clint_set_deadline(SOC_CLINT_BASE, deadline_ticks < alarm.deadline_ticks ? deadline_ticks : alarm.deadline_ticks);
  CSR_SET(mie, MIE_MTIE);
  __asm__ volatile("wfi" : : : "memory");
  CSR_CLEAR(mie, MIE_MTIE);
  clint_clear_deadline(SOC_CLINT_BASE);
  alarm_arm();
}

void driver_os_barrier(void) {
  __asm__ volatile("fence iorw, iorw" : : : "memory");
}

#define EACH_BLOCK(operation, data, size_bytes)                                                           \
  do {                                                                                                    \
    const uintptr_t end_ = (uintptr_t)(data) + (size_bytes);                                              \
    for (uintptr_t block_ = (uintptr_t)(data) & ~(uintptr_t)(BOARD_CACHE_BLOCK_BYTES - 1); block_ < end_; \
         block_ += BOARD_CACHE_BLOCK_BYTES) {                                                             \
      __asm__ volatile(".option push\n.option arch, +zicbom\n" operation " (%0)\n.option pop"             \
                       :                                                                                  \
                       : "r"(block_)                                                                      \
                       : "memory");                                                                       \
    }                                                                                                     \
  } while (0)

void driver_os_clean(const volatile void* data, uint32_t size_bytes) {
  EACH_BLOCK("cbo.clean", data, size_bytes);
}

void driver_os_invalidate(volatile void* data, uint32_t size_bytes) {
  EACH_BLOCK("cbo.inval", data, size_bytes);
}
