// Registers of the clint as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/clint/clint.def"
#define BLOCK_NAME "clint"
#define BLOCK_DESCRIPTION "Core-local interruptor: software interrupt and timer"
namespace backboard::clint_regs {
#include "platform/regs/declare_block.h"
}
