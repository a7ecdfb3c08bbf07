/* Names of the registers and fields of watchdog.def: NAME_OFFSET; NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_WATCHDOG_REGISTERS_H
#define DRIVERS_WATCHDOG_REGISTERS_H

#include <stdint.h>

/* clang-format off: the .def follows the macros that it uses */
#include "drivers/mmio/register_names.h"
#include "drivers/watchdog/watchdog.def"
/* clang-format on */

#endif
