#include "npu/device/ring_registers.h"

namespace backboard::npu {
namespace {

using npu_regs::Field;
using npu_regs::Reg;

constexpr RingRegisters kRows[] = {
    {.control = Reg::NPU_CTRL,
     .enable = Field::NPU_CTRL_ENABLE,
     .reset = Field::NPU_CTRL_RESET_RING,
     .status = Reg::NPU_STATUS,
     .base = Reg::NPU_RING_BASE,
     .size = Reg::NPU_RING_SIZE,
     .head = Reg::NPU_RING_HEAD,
     .tail = Reg::NPU_RING_TAIL,
     .fence = Reg::NPU_FENCE,
     .fence_address = Reg::NPU_FENCE_ADDRESS,
     .error_code = Reg::NPU_ERROR_CODE,
     .error_index = Reg::NPU_ERROR_INDEX,
     .error_address = Reg::NPU_ERROR_ADDRESS,
     .error_detail = Reg::NPU_ERROR_DETAIL,
     .watchdog = Reg::NPU_WATCHDOG,
     .fence_interrupt = Field::NPU_IRQ_FENCE,
     .error_interrupt = Field::NPU_IRQ_ERROR,
     .priority = Field::NPU_PRIORITY_RING0},
    {.control = Reg::NPU_RING1_CTRL,
     .enable = Field::NPU_RING1_CTRL_ENABLE,
     .reset = Field::NPU_RING1_CTRL_RESET,
     .status = Reg::NPU_RING1_STATUS,
     .base = Reg::NPU_RING1_BASE,
     .size = Reg::NPU_RING1_SIZE,
     .head = Reg::NPU_RING1_HEAD,
     .tail = Reg::NPU_RING1_TAIL,
     .fence = Reg::NPU_RING1_FENCE,
     .fence_address = Reg::NPU_RING1_FENCE_ADDRESS,
     .error_code = Reg::NPU_RING1_ERROR_CODE,
     .error_index = Reg::NPU_RING1_ERROR_INDEX,
     .error_address = Reg::NPU_RING1_ERROR_ADDRESS,
     .error_detail = Reg::NPU_RING1_ERROR_DETAIL,
     .watchdog = Reg::NPU_RING1_WATCHDOG,
     .fence_interrupt = Field::NPU_IRQ_RING1_FENCE,
     .error_interrupt = Field::NPU_IRQ_RING1_ERROR,
     .priority = Field::NPU_PRIORITY_RING1},
};

}  // namespace

std::span<const RingRegisters> ring_registers() {
  return kRows;
}

}  // namespace backboard::npu
