/* What drivers need of their surroundings. All are weak (driver_os.c): a firmware replaces them by defining them. The
 * defaults suit a polling core with coherent memory; firmware/board/ has those of the board. */
#ifndef DRIVERS_DRIVER_OS_H
#define DRIVERS_DRIVER_OS_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Turns interrupts of this core off and says whether they were on. Default: nothing, 0. */
uint32_t driver_os_lock(void);
/** Turns interrupts on again if `state` (of driver_os_lock) says so. Default: nothing. */
void driver_os_unlock(uint32_t state);
/** Sleeps until an interrupt is pending or driver_os_now reaches `deadline_ticks`. Called with interrupts off.
 *  Default: returns at once. */
void driver_os_wait(uint64_t deadline_ticks);
/** Time in ticks. Default: counts its own calls, so that waiting is a bounded number of polls. */
uint64_t driver_os_now(void);
/** Ticks in a millisecond. Default: 10000. */
uint64_t driver_os_ticks_per_ms(void);
/** Orders memory accesses before with device accesses after, and the other way round. Default: a compiler barrier. */
void driver_os_barrier(void);
/** Writes cached data back, so that a device sees them. Default: nothing. */
void driver_os_clean(const volatile void* data, uint32_t size_bytes);
/** Drops cached data, so that the core sees what a device wrote. Nothing else may lie in the touched cache lines.
 *  Default: nothing. */
void driver_os_invalidate(volatile void* data, uint32_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
