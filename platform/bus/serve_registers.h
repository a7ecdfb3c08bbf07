// Where a bus access meets a register bank.
#pragma once

#include "platform/bus/access.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"

namespace backboard {

/// Carries `access` (address relative to the block) out on `bank`: 1, 2 or 4 bytes, little-endian. What the bank does
/// not answer gets BusResponse::target, changes nothing and is reported to `findings` with register and reason; the
/// address of a device's finding is relative to the device, and the board adds its base.
/// Debug reads have no side effects; debug writes are refused.
BusResponse serve_registers(RegBank& bank, BusAccess& access, FindingSink& findings);

/// A finding about an access to `block` that the bank alone cannot know: `reg` may be empty.
Finding finding_of(std::string_view block, std::string_view reg, const BusAccess& access, std::string reason);

}  // namespace backboard
