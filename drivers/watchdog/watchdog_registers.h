/* Names of the registers and fields of watchdog.def: NAME_OFFSET; NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_WATCHDOG_REGISTERS_H
#define DRIVERS_WATCHDOG_REGISTERS_H

#include <stdint.h>

#include "drivers/mmio/register_names.h"
/* What follows uses the macros of the header above. */

#include "drivers/watchdog/watchdog.def"

#endif
