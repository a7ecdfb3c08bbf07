/* Names of the registers and fields of uart.def: NAME_OFFSET; NAME_LSB, NAME_WIDTH and NAME_MASK of fields. */
#ifndef DRIVERS_UART_REGISTERS_H
#define DRIVERS_UART_REGISTERS_H

#include <stdint.h>

/* clang-format off: the .def follows the macros that it uses */
#include "drivers/mmio/register_names.h"
#include "drivers/uart/uart.def"
/* clang-format on */

#endif
