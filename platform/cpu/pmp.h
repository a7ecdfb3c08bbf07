// Physical memory protection (Privileged ISA, section "Physical Memory Protection").
#pragma once

#include <array>
#include <cstdint>

#include "platform/state/archive.h"

namespace backboard {

enum class PmpAccess : uint8_t { read = 1, write = 2, execute = 4 };

/// Sixteen entries with a granularity of four bytes: OFF, TOR, NA4, NAPOT, and lock.
class Pmp final : public Saved {
 public:
  static constexpr unsigned kEntries = 16;

  /// What the whole of a range is allowed: or-ed PmpAccess bits. `uniform` is false when an entry covers a part only.
  struct Permission {
    uint8_t access = 0;
    bool uniform = true;
  };

  Pmp() { rebuild(); }

  /// Permission of [address, address + size_bytes). A partly covered range has none.
  Permission permission(uint64_t address, uint64_t size_bytes, bool machine_mode) const {
    if (!any_ && machine_mode) return {kEverything, true};
    return first_match(address, size_bytes, machine_mode);
  }
  bool allows(uint64_t address, uint64_t size_bytes, PmpAccess access, bool machine_mode) const {
    return (permission(address, size_bytes, machine_mode).access & static_cast<uint8_t>(access)) != 0;
  }

  /// pmpcfg and pmpaddr as registers; a locked entry ignores writes, and so does the base of a locked TOR range.
  uint8_t config(unsigned entry) const { return entry < kEntries ? config_[entry] : 0; }
  uint64_t address(unsigned entry) const { return entry < kEntries ? address_[entry] : 0; }
  void set_config(unsigned entry, uint8_t value);
  void set_address(unsigned entry, uint64_t value);
  void reset();

  void state(StateArchive& archive) override;

 private:
  struct Range {
    uint64_t first = 1;
    uint64_t last = 0;  ///< inclusive; first > last: matches nothing
  };
  static constexpr uint8_t kEverything = 0x07;
  Permission first_match(uint64_t address, uint64_t size_bytes, bool machine_mode) const;
  void rebuild();

  std::array<uint8_t, kEntries> config_{};
  std::array<uint64_t, kEntries> address_{};
  std::array<Range, kEntries> ranges_{};  ///< derived
  bool any_ = false;                      ///< derived: an entry is not OFF
};

}  // namespace backboard
