// Which divisions of a block are carried out, and where: what the block compiler asks before it emits them.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "platform/cpu/decode.h"

namespace backboard {

/// How a division of a block is compiled.
struct Division {
  /// By the unit for binary64 rather than that for integers: with two of them at work a loop of divisions is as fast as
  /// the slower one.
  bool floating = false;
  bool keeps_quotient = false;  ///< for a later one
  bool takes_quotient = false;  ///< of an earlier one, with the same operands: nothing is divided
};

/// By operation of a block of RV32 (DIV, DIVU, REM, REMU; others mean nothing).
///
/// Quotients are kept in one place: a division whose operands are those of one before, unchanged, takes its quotient
/// unless another was kept since. Dividing as binary64 takes twice as long as dividing integers, and needs fewer cycles
/// of its unit (on a server of 2024: 24 and 11 until the result is there, 4 and 5 until the next one starts). So it is
/// for divisions that do not wait for themselves from one turn of a loop to the next: seen from a block, when it would
/// follow itself. They take the unit that has fewer.
std::vector<Division> plan_divisions(std::span<const Operation> operations);

}  // namespace backboard
