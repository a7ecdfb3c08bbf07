/* Driver of the watchdog: an interrupt at the first expiry, a reset of the board at the second. */
#ifndef DRIVERS_WATCHDOG_H
#define DRIVERS_WATCHDOG_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef enum watchdog_result {
  WATCHDOG_OK = 0,
  WATCHDOG_BAD_ARGUMENT, /**< 0 ticks: no register was touched */
  WATCHDOG_NOT_FOUND,    /**< WATCHDOG_ID is not that of the watchdog: no register was written */
  WATCHDOG_LOCKED,       /**< the watchdog is locked: no register was written */
} watchdog_result;

/** Why the board started last. */
typedef enum watchdog_cause {
  WATCHDOG_CAUSE_POWER_ON = 0,
  WATCHDOG_CAUSE_SOFTWARE = 1, /**< finisher_reset */
  WATCHDOG_CAUSE_EXPIRY = 2,   /**< the watchdog's second expiry */
} watchdog_cause;

/** Starts the watchdog with `ticks` (of watchdog_hz) to an expiry, interrupt on or off. */
watchdog_result watchdog_start(uintptr_t base, uint32_t ticks, bool interrupt);

/** As if nothing had expired: the counter starts again. */
void watchdog_kick(uintptr_t base);

/** Stops counting. */
watchdog_result watchdog_stop(uintptr_t base);

/** From now on only kicks work, until the board is reset. */
void watchdog_lock(uintptr_t base);

/** Whether the first expiry was reached; clears that state and the interrupt, not the counter. */
bool watchdog_take_expired(uintptr_t base);

/** Why the board started last. */
watchdog_cause watchdog_reset_cause(uintptr_t base);

/** Ticks a second. */
uint32_t watchdog_hz(uintptr_t base);

#ifdef __cplusplus
}
#endif

#endif
