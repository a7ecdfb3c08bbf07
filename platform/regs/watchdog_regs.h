// Registers of the watchdog as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/watchdog/watchdog.def"
#define BLOCK_NAME "watchdog"
#define BLOCK_DESCRIPTION "Watchdog timer"
namespace backboard::watchdog_regs {
#include "platform/regs/declare_block.h"
}
