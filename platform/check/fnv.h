// A hash to tell contents apart, stable over hosts and versions: FNV-1a of 64 bits. No protection against intent.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace backboard {

inline constexpr uint64_t kFnvStart = 14695981039346656037u;

constexpr uint64_t fnv1a(std::span<const uint8_t> bytes, uint64_t hash = kFnvStart) {
  for (const uint8_t byte : bytes) hash = (hash ^ byte) * 1099511628211u;
  return hash;
}
constexpr uint64_t fnv1a(std::string_view text, uint64_t hash = kFnvStart) {
  for (const char c : text) hash = (hash ^ static_cast<uint8_t>(c)) * 1099511628211u;
  return hash;
}

}  // namespace backboard
