// Output files that are either whole or absent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace backboard {

/// Writes `bytes` under a temporary name beside `path` and renames it; a symbolic link stays, and the file that it
/// names is replaced. Creates missing folders. Throws InputError when the file cannot be written; `path` is then what
/// it was before. A device or a pipe is written to as it is.
void write_file_atomically(const std::string& path, std::span<const uint8_t> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace backboard
