/* Names of the registers and fields of clint.def: NAME_OFFSET; NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_CLINT_REGISTERS_H
#define DRIVERS_CLINT_REGISTERS_H

#include <stdint.h>

#include "drivers/mmio/register_names.h"
/* What follows uses the macros of the header above. */

#include "drivers/clint/clint.def"

#endif
