#include "drivers/os/driver_os.h"

#define WEAK __attribute__((weak))

WEAK uint32_t driver_os_lock(void) {
  return 0;
}

WEAK void driver_os_unlock(uint32_t state) {
  (void)state;
}

WEAK void driver_os_wait(uint64_t deadline_ticks) {
  (void)deadline_ticks;
}

WEAK uint64_t driver_os_now(void) {
  static uint64_t looks;
  return ++looks;
}

WEAK uint64_t driver_os_ticks_per_ms(void) {
  return 10000;
}

WEAK void driver_os_barrier(void) {
  __asm__ volatile("" ::: "memory");
}

WEAK void driver_os_clean(const volatile void* data, uint32_t size_bytes) {
  (void)data, (void)size_bytes;
}

WEAK void driver_os_invalidate(volatile void* data, uint32_t size_bytes) {
  (void)data, (void)size_bytes;
}
