// Registers of the uart as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/uart/uart.def"
#define BLOCK_NAME "uart"
#define BLOCK_DESCRIPTION "NS16550A UART"
namespace backboard::uart_regs {
#include "platform/regs/declare_block.h"
}
