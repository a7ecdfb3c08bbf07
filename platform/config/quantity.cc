#include "platform/config/quantity.h"

#include <fmt/format.h>

namespace backboard {
namespace {

__extension__ using Wide = unsigned __int128;

constexpr uint64_t kKilo = 1000;
constexpr uint64_t kKibi = 1024;

constexpr Unit kByteUnits[] = {{"B", 1},
                               {"kB", kKilo},
                               {"KiB", kKibi},
                               {"MB", kKilo* kKilo},
                               {"MiB", kKibi* kKibi},
                               {"GB", kKilo* kKilo* kKilo},
                               {"GiB", kKibi* kKibi* kKibi}};
constexpr Unit kHertzUnits[] = {{"Hz", 1}, {"kHz", kKilo}, {"MHz", kKilo* kKilo}, {"GHz", kKilo* kKilo* kKilo}};
constexpr Unit kTimeUnits[] = {
    {"ps", 1}, {"ns", kKilo}, {"us", kKilo* kKilo}, {"ms", kKilo* kKilo* kKilo}, {"s", kKilo* kKilo* kKilo* kKilo}};

constexpr UnitSystem kBytes{"bytes", kByteUnits, true};
constexpr UnitSystem kHertz{"Hz", kHertzUnits, true};
constexpr UnitSystem kTime{"ps", kTimeUnits, false};

std::string unit_names(const UnitSystem& system) {
  std::string names;
  for (const Unit& unit : system.units) names += (names.empty() ? "" : ", ") + std::string(unit.name);
  return names;
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

}  // namespace

const UnitSystem& byte_units() {
  return kBytes;
}
const UnitSystem& hertz_units() {
  return kHertz;
}
const UnitSystem& time_units() {
  return kTime;
}

QuantityResult parse_quantity(std::string_view text, const UnitSystem& system) {
  // Digits with at most one point and with '_' between digits, as an integer and a number of decimals.
  uint64_t digits = 0;
  unsigned decimals = 0;
  unsigned count = 0;
  bool point = false;
  size_t at = 0;
  for (; at < text.size(); ++at) {
    const char c = text[at];
    if (c == '.' && !point && count > 0) {
      point = true;
    } else if (is_digit(c)) {
      if (++count > 18) return {std::nullopt, "has more than 18 digits"};
      digits = digits * 10 + static_cast<uint64_t>(c - '0');
      decimals += point;
    } else if (!(c == '_' && count > 0 && at + 1 < text.size() && is_digit(text[at + 1]))) {
      break;
    }
  }
  if (count == 0) return {std::nullopt, "is no number with a unit"};
  std::string_view name = text.substr(at);
  while (!name.empty() && name.front() == ' ') name.remove_prefix(1);
  uint64_t factor = 0;
  for (const Unit& unit : system.units) {
    if (unit.name == name) factor = unit.factor;
  }
  if (name.empty() && (system.plain_number || digits == 0)) factor = 1;
  if (factor == 0) {
    if (name.empty()) return {std::nullopt, fmt::format("needs a unit: {}", unit_names(system))};
    return {std::nullopt, fmt::format("has an unknown unit '{}'; known: {}", name, unit_names(system))};
  }
  Wide value = static_cast<Wide>(digits) * factor;
  for (unsigned i = 0; i < decimals; ++i) {
    if (value % 10 != 0) return {std::nullopt, fmt::format("is no whole number of {}", system.stored)};
    value /= 10;
  }
  if (value > UINT64_MAX) return {std::nullopt, "is too large"};
  return {static_cast<uint64_t>(value), ""};
}

std::string format_quantity(uint64_t value, const UnitSystem& system) {
  const Unit* best = &system.units.front();
  for (const Unit& unit : system.units) {
    if (value != 0 && value % unit.factor == 0) best = &unit;
  }
  return fmt::format("{} {}", value / best->factor, best->name);
}

}  // namespace backboard
