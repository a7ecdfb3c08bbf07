// Registers of the training NPU as tables.
#pragma once

#include <array>

#include "platform/regs/register_info.h"

#define BLOCK_FILE "drivers/npu/npu.def"
#define BLOCK_NAME "npu"
#define BLOCK_DESCRIPTION "Training NPU"
namespace backboard::npu_regs {
#include "platform/regs/declare_block.h"
}
