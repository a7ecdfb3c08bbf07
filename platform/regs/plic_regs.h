// Registers of the plic as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/plic/plic.def"
#define BLOCK_NAME "plic"
#define BLOCK_DESCRIPTION "Platform-level interrupt controller"
namespace backboard::plic_regs {
#include "platform/regs/declare_block.h"
}
