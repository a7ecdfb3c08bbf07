/* Names of the registers and fields of plic.def: NAME_OFFSET; NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_PLIC_REGISTERS_H
#define DRIVERS_PLIC_REGISTERS_H

#include <stdint.h>

#include "drivers/mmio/register_names.h"
/* What follows uses the macros of the header above. */

#include "drivers/plic/plic.def"

#endif
