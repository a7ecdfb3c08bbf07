/* Driver of the CLINT: time, timer interrupt and software interrupt of hart 0. Every call succeeds. */
#ifndef DRIVERS_CLINT_H
#define DRIVERS_CLINT_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Ticks since power-on; consistent although it is read in halves. */
uint64_t clint_time(uintptr_t base);

/** Timer interrupt from `deadline_ticks` on. Never fires early while the halves are written. */
void clint_set_deadline(uintptr_t base, uint64_t deadline_ticks);

/** No timer interrupt. */
void clint_clear_deadline(uintptr_t base);

/** Raises or lowers the software interrupt. */
void clint_set_software_interrupt(uintptr_t base, uint32_t level);

#ifdef __cplusplus
}
#endif

#endif
