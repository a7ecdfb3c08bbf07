// Registers of the finisher as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/finisher/finisher.def"
#define BLOCK_NAME "finisher"
#define BLOCK_DESCRIPTION "Test finisher"
namespace backboard::finisher_regs {
#include "platform/regs/declare_block.h"
}
