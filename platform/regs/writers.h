// The register files as documents: Markdown for people, a C header for firmware, CMSIS-SVD for debuggers.
#pragma once

#include <span>
#include <string>

#include "platform/regs/blocks.h"

namespace backboard {

/// Tables of registers and fields, one section a block.
std::string registers_as_markdown(std::span<const PlacedBlock> blocks);

/// Macros: BLOCK_BASE, REGISTER_OFFSET, FIELD_LSB, FIELD_WIDTH, FIELD_MASK.
std::string registers_as_c_header(std::span<const PlacedBlock> blocks);

/// CMSIS-SVD 1.3.9 (schema "CMSIS-SVD"): one peripheral a block. Banks become alternate groups.
std::string registers_as_svd(std::span<const PlacedBlock> blocks);

}  // namespace backboard
