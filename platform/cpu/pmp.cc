#include "platform/cpu/pmp.h"

#include <bit>

namespace backboard {
namespace {

constexpr uint8_t kLock = 0x80;
enum Mode : uint8_t { off = 0, tor = 1, na4 = 2, napot = 3 };
Mode mode_of(uint8_t config) {
  return static_cast<Mode>(config >> 3 & 3);
}

}  // namespace

Pmp::Permission Pmp::first_match(uint64_t address, uint64_t size_bytes, bool machine_mode) const {
  constexpr uint8_t kAll = kEverything;
  const uint64_t last = address + size_bytes - 1;
  for (unsigned entry = 0; entry < kEntries; ++entry) {
    const Range& range = ranges_[entry];
    if (range.first > range.last || last < range.first || address > range.last) continue;
    if (address < range.first || last > range.last) return {0, false};
    if (machine_mode && !(config_[entry] & kLock)) return {kAll, true};
    return {static_cast<uint8_t>(config_[entry] & kEverything), true};
  }
  return {machine_mode ? kAll : uint8_t{0}, true};
}

void Pmp::set_config(unsigned entry, uint8_t value) {
  if (entry >= kEntries || (config_[entry] & kLock)) return;
  value &= kLock | 0x1f;
  // R = 0 with W = 1 is reserved; the legal value kept instead grants neither.
  if ((value & 3) == 2) value &= static_cast<uint8_t>(~2);
  config_[entry] = value;
  rebuild();
}

void Pmp::set_address(unsigned entry, uint64_t value) {
  if (entry >= kEntries || (config_[entry] & kLock)) return;
  const bool base_of_locked =
      entry + 1 < kEntries && (config_[entry + 1] & kLock) && mode_of(config_[entry + 1]) == tor;
  if (base_of_locked) return;
  address_[entry] = value;
  rebuild();
}

void Pmp::reset() {
  config_.fill(0);
  address_.fill(0);
  rebuild();
}

void Pmp::rebuild() {
  any_ = false;
  for (unsigned entry = 0; entry < kEntries; ++entry) {
    Range& range = ranges_[entry];
    range = {};
    const uint64_t address = address_[entry];
    switch (mode_of(config_[entry])) {
      case off:
        continue;
      case tor: {
        const uint64_t first = entry ? address_[entry - 1] << 2 : 0;
        if ((address << 2) > first) range = {first, (address << 2) - 1};
        break;
      }
      case na4:
        range = {address << 2, (address << 2) + 3};
        break;
      case napot: {
        const int ones = std::countr_one(address);
        const uint64_t size_bytes = ones >= 60 ? 0 : uint64_t{8} << ones;
        const uint64_t first = ones >= 62 ? 0 : address >> ones << ones << 2;
        range = {size_bytes ? first & ~(size_bytes - 1) : 0, size_bytes ? first + size_bytes - 1 : UINT64_MAX};
        break;
      }
    }
    any_ = true;
  }
}

void Pmp::state(StateArchive& archive) {
  archive.section("pmp");
  archive.value("config", config_);
  archive.value("address", address_);
  if (archive.reading()) rebuild();
}

}  // namespace backboard
