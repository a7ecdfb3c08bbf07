/* Names of the registers and fields of dma.def: NAME_OFFSET, NAME_COUNT and NAME_STRIDE of the channels' registers;
 * NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_DMA_REGISTERS_H
#define DRIVERS_DMA_REGISTERS_H

#include <stdint.h>

#include "drivers/mmio/register_names.h"
/* What follows uses the macros of the header above. */

#include "drivers/dma/dma.def"

#endif
