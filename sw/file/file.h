// Compressed files and checksums.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "platform/check/read_file.h"

namespace backboard {

/// Reads a file and, when it starts with gzip's magic, decompresses it (all members).
/// @throws InputError for what read_file refuses, damaged or truncated streams (offset in the compressed file), bytes
///   behind the last member, and more than `limit_bytes` of output.
std::vector<uint8_t> read_maybe_gzip(const std::string& path, uint64_t limit_bytes = uint64_t{1} << 30);

/// Decompresses a gzip stream; `file` is used in errors.
std::vector<uint8_t> gunzip(std::span<const uint8_t> bytes, const std::string& file, uint64_t limit_bytes);

/// IEEE CRC-32 (zlib's).
uint32_t crc32_of(std::span<const uint8_t> bytes);
/// The same of all bytes but the four at `offset`, where the checksum itself stands.
uint32_t crc32_around(std::span<const uint8_t> bytes, size_t offset);

}  // namespace backboard
