// Where every device lies: the default map and a configuration of it.
#pragma once

#include <array>
#include <cstdint>
#include <string>

#include "platform/config/fields.h"

namespace backboard {

/// Places of drivers/soc/memory_map.def, in its order: kROM, kFINISHER, ...
enum class Place : uint8_t {
#define MAP(name, base, size, description) k##name,
#include "drivers/soc/memory_map.def"
};

/// Interrupt numbers at the PLIC: kUART, kNPU, ...
enum class Interrupt : uint32_t {
#define IRQ(name, number, description) k##name = (number),
#include "drivers/soc/memory_map.def"
};

inline constexpr size_t kPlaces = 0
#define MAP(name, base, size, description) +1
#include "drivers/soc/memory_map.def"
    ;

/// Key of a place in YAML and in statistics: "rom", "flash_ctrl", ...
const char* name_of(Place place);
const char* description_of(Place place);

/// Addresses [base, base + size_bytes).
struct PlaceConfig {
  uint64_t base = 0;
  uint64_t size_bytes = 0;
  bool cacheable = false;  ///< whether the core's caches are for it; memory only
  uint64_t last() const { return base + (size_bytes - 1); }

  template <class V>
  void fields(V& v) {
    v("base", base, Address{}, "First address, a multiple of 4096");
    v("size", size_bytes, Bytes{4 * kKiB, 64 * kGiB}, "Bytes, a multiple of 4096");
    v("cacheable", cacheable, "Whether the core's caches hold lines of it; of ROM, SRAM and DRAM only");
  }
};

/// The address map. Places must not overlap; that and alignment are checked with the line of the offending place.
struct MapConfig {
  MapConfig();
  std::array<PlaceConfig, kPlaces> places;

  PlaceConfig& operator[](Place place) { return places[static_cast<size_t>(place)]; }
  const PlaceConfig& operator[](Place place) const { return places[static_cast<size_t>(place)]; }

  template <class V>
  void fields(V& v) {
    for (size_t i = 0; i < kPlaces; ++i) {
      v(name_of(static_cast<Place>(i)), places[i], description_of(static_cast<Place>(i)));
    }
  }
  void check() const;
};

}  // namespace backboard
