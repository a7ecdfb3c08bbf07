// Reading a whole file that a user named. Writing: platform/config/atomic_file.h.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace backboard {

/// Reads a file. Of one that does not begin with `magic` it reads a first part, for the caller to refuse: what it has
/// may be endless.
/// @throws InputError when it cannot be read, is a folder, or is larger than `limit_bytes` (held while it is read, so
///   that pipes and growing files are bounded too).
std::vector<uint8_t> read_file(const std::string& path, uint64_t limit_bytes = uint64_t{1} << 30,
                               std::string_view magic = {});

}  // namespace backboard
