// Loads and stores of a block that are near one another, so that one look at the table of pages is enough for all.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "platform/cpu/decode.h"

namespace backboard {

/// Accesses by one register as it is where the block starts. When `first` beyond it is a multiple of `alignment`, and
/// the pages of `first` and `last` may be accessed, each of them lies in these pages, and is aligned.
struct AccessGroup {
  unsigned base = 0;
  int32_t first = 0;
  int32_t last = 0;  ///< less than a page behind
  uint32_t alignment = 1;
  bool reads = false;
  bool writes = false;
};

struct AccessGroups {
  std::vector<AccessGroup> groups;
  uint64_t members = 0;  ///< operations that are in one, one bit each
};

/// Groups of four accesses and more, where looking once is less work. None in a block with atomic instructions, which
/// go through the core: it may change what may be accessed.
AccessGroups group_accesses(std::span<const Operation> operations);

}  // namespace backboard
