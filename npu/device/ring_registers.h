// Where each command ring has its registers and interrupt bits: one row a ring, so that what the device does for a ring
// it does for all.
#pragma once

#include <span>

#include "platform/regs/npu_regs.h"

namespace backboard::npu {

struct RingRegisters {
  npu_regs::Reg control;
  npu_regs::Field enable, reset;  ///< of `control`; `reset` is of this ring alone
  npu_regs::Reg status, base, size, head, tail, fence, fence_address;
  npu_regs::Reg error_code, error_index, error_address, error_detail, watchdog;
  npu_regs::Field fence_interrupt, error_interrupt, priority;
};

/// Row i: ring i.
std::span<const RingRegisters> ring_registers();

}  // namespace backboard::npu
