// Registers of the DMA engine as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/dma/dma.def"
#define BLOCK_NAME "dma"
#define BLOCK_DESCRIPTION "DMA engine"
namespace backboard::dma_regs {
#include "platform/regs/declare_block.h"
}
