/* Names of the NPU's registers and fields, from npu.def: NPU_CTRL_OFFSET, NPU_CTRL_ENABLE_LSB, _WIDTH, _MASK. */
#ifndef DRIVERS_NPU_REGISTERS_H
#define DRIVERS_NPU_REGISTERS_H

#include <stdint.h>

/* clang-format off: the .def follows the macros that it uses */
#include "drivers/mmio/register_names.h"
#include "drivers/npu/npu.def"
/* clang-format on */

#endif
