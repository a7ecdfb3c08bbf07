/* Names of the registers and fields of finisher.def: NAME_OFFSET; NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_FINISHER_REGISTERS_H
#define DRIVERS_FINISHER_REGISTERS_H

#include <stdint.h>

/* clang-format off: the .def follows the macros that it uses */
#include "drivers/finisher/finisher.def"
#include "drivers/mmio/register_names.h"
/* clang-format on */

#endif
