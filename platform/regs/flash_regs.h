// Registers of the flash as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/flash/flash.def"
#define BLOCK_NAME "flash"
#define BLOCK_DESCRIPTION "QSPI flash controller"
namespace backboard::flash_regs {
#include "platform/regs/declare_block.h"
}
