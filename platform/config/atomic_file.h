// Output files that are either whole or absent.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <string_view>

namespace backboard {

/// Writes `bytes` under a temporary name beside `path` and renames it. Creates missing folders. Throws InputError when
/// the file cannot be written; `path` is then what it was before.
void write_file_atomically(const std::string& path, std::span<const uint8_t> bytes);
void write_file_atomically(const std::string& path, std::string_view text);

}  // namespace backboard
