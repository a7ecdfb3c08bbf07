// Whole files with limits, gzip and checksums. Writing: platform/config/atomic_file.h.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

namespace backboard {

/// Reads a file.
/// @throws InputError when it cannot be read or is larger than `limit_bytes` (checked before memory is allocated).
std::vector<uint8_t> read_file(const std::string& path, uint64_t limit_bytes = uint64_t{1} << 30);

/// Reads a file and, when it starts with gzip's magic, decompresses it (all members).
/// @throws InputError for what read_file refuses, damaged or truncated streams (offset in the compressed file), bytes
///   behind the last member, and more than `limit_bytes` of output.
std::vector<uint8_t> read_maybe_gzip(const std::string& path, uint64_t limit_bytes = uint64_t{1} << 30);

/// Decompresses a gzip stream; `file` is used in errors.
std::vector<uint8_t> gunzip(std::span<const uint8_t> bytes, const std::string& file, uint64_t limit_bytes);

/// IEEE CRC-32 (zlib's).
uint32_t crc32_of(std::span<const uint8_t> bytes);

}  // namespace backboard
