/* Driver of the test finisher: ends the simulation. */
#ifndef DRIVERS_FINISHER_H
#define DRIVERS_FINISHER_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** Ends the simulation as passed (code 0) or failed with a code from 1 to 65535. One register write; returns where no
 *  finisher answers. */
void finisher_end(uintptr_t base, uint32_t code);

/** Resets the board. One register write. */
void finisher_reset(uintptr_t base);

#ifdef __cplusplus
}
#endif

#endif
