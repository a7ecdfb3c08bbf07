// How the tensors of a command must fit each other.
#pragma once

#include "npu/command/validate.h"

namespace backboard::npu {

/// Shapes against each other and against the command's geometry: kSHAPE at the descriptor that does not fit, kPARAMETER
/// at the command's field.
Checked check_shapes(const Job& job, const Offer& offer);

/// Whether something that the command writes lies over something else that it reads or writes: kOVERLAP at the
/// descriptor that is written. Allowed: the very same tensor as input and output of an element-wise command, and an
/// INOUT operand with itself.
Checked check_overlap(const Job& job);

}  // namespace backboard::npu
