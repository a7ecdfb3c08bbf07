// The register files of these tests as tables.
#pragma once

#include <span>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "tests/platform/regs/uart_like.def"
#define BLOCK_NAME "uart_like"
#define BLOCK_DESCRIPTION "Byte registers"
namespace uart_like {
#include "platform/regs/declare_block.h"
}

#define BLOCK_FILE "tests/platform/regs/wide.def"
#define BLOCK_NAME "wide"
#define BLOCK_DESCRIPTION "All accesses & more"
namespace wide {
#include "platform/regs/declare_block.h"
}
