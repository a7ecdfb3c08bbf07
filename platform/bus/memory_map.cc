#include "platform/bus/memory_map.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace backboard {
namespace {

struct Row {
  const char* name;
  uint64_t base;
  uint64_t size_bytes;
  const char* description;
};

constexpr Row kRows[] = {
#define MAP(name, base, size, description) {#name, (base), (size), description},
#include "drivers/soc/memory_map.def"
};

/// The names of the rows in lower case.
const std::array<std::string, kPlaces>& keys() {
  static const std::array<std::string, kPlaces> made = [] {
    std::array<std::string, kPlaces> lower;
    for (size_t i = 0; i < kPlaces; ++i) {
      lower[i] = kRows[i].name;
      for (char& c : lower[i]) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    return lower;
  }();
  return made;
}

/// Caches need bytes that stay what they are between accesses: no registers, and not the flash window, whose contents
/// the controller changes.
bool is_memory(size_t place) {
  return place == static_cast<size_t>(Place::kROM) || place == static_cast<size_t>(Place::kSRAM) ||
         place == static_cast<size_t>(Place::kDRAM);
}

}  // namespace

const char* name_of(Place place) {
  return keys()[static_cast<size_t>(place)].c_str();
}
const char* description_of(Place place) {
  return kRows[static_cast<size_t>(place)].description;
}

MapConfig::MapConfig() {
  for (size_t i = 0; i < kPlaces; ++i) places[i] = {kRows[i].base, kRows[i].size_bytes};
  (*this)[Place::kSRAM].cacheable = (*this)[Place::kDRAM].cacheable = true;
}

void MapConfig::check() const {
  for (size_t i = 0; i < kPlaces; ++i) {
    const std::string& key = keys()[i];
    const PlaceConfig& place = places[i];
    if (place.base % 4096 != 0)
      throw ConfigRule(key + ".base", fmt::format("{:#x} is no multiple of 4096", place.base));
    if (place.size_bytes == 0 || place.size_bytes % 4096 != 0) {
      throw ConfigRule(key + ".size", fmt::format("{} bytes are no multiple of 4096", place.size_bytes));
    }
    if (place.cacheable && !is_memory(i)) throw ConfigRule(key + ".cacheable", "is for ROM, SRAM and DRAM only");
    if (place.base > UINT64_MAX - (place.size_bytes - 1)) throw ConfigRule(key, "ends above the last address");
    for (size_t j = 0; j < i; ++j) {
      if (place.base > places[j].last() || places[j].base > place.last()) continue;
      // The error belongs to the one that the file moved.
      const bool moved = place.base != kRows[i].base || place.size_bytes != kRows[i].size_bytes;
      const size_t at = moved ? i : j;
      const size_t other = moved ? j : i;
      throw ConfigRule(keys()[at],
                       fmt::format("{:#x} to {:#x} overlaps {} ({:#x} to {:#x})", places[at].base, places[at].last(),
                                   keys()[other], places[other].base, places[other].last()));
    }
  }
}

}  // namespace backboard
