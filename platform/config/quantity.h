// Numbers with units as people write them: 64 KiB, 200 MHz, 12.5 ns.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backboard {

/// A unit and how many of the smallest unit it is.
struct Unit {
  std::string_view name;
  uint64_t factor;
};

/// The units of one kind of quantity, by ascending factor; the first is what members store.
struct UnitSystem {
  std::string_view stored;  ///< "bytes", "Hz", "ps"
  std::span<const Unit> units;
  bool plain_number;  ///< a number without a unit is taken in the stored unit
};

const UnitSystem& byte_units();
const UnitSystem& hertz_units();
const UnitSystem& time_units();

/// What `parse_quantity` gives: a value, or what is wrong with the text.
struct QuantityResult {
  std::optional<uint64_t> value;
  std::string error;
};

/// Parses "NUMBER UNIT" exactly: decimal fractions must come out as a whole number of the stored unit.
QuantityResult parse_quantity(std::string_view text, const UnitSystem& system);

/// The shortest exact text: the largest unit of which the value is a whole multiple.
std::string format_quantity(uint64_t value, const UnitSystem& system);

}  // namespace backboard
