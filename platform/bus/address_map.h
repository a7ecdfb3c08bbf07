// Which target answers at an address, and what a master may reach.
#pragma once

#include <algorithm>
#include <cstdint>
#include <string>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/router_config.h"
#include "platform/check/check.h"

namespace backboard {

/// A target's place, [base, last].
struct AddressRange {
  std::string name;
  uint64_t base = 0;
  uint64_t last = 0;
};

/// Disjoint ranges by address; MapConfig::check has told the user about overlaps before.
class AddressMap {
 public:
  static constexpr uint32_t kNobody = UINT32_MAX;

  explicit AddressMap(std::vector<AddressRange> ranges) : ranges_(std::move(ranges)) {
    for (uint32_t i = 0; i < ranges_.size(); ++i) order_.push_back(i);
    std::sort(order_.begin(), order_.end(), [&](uint32_t a, uint32_t b) { return ranges_[a].base < ranges_[b].base; });
    for (size_t i = 0; i < order_.size(); ++i) {
      const AddressRange& range = ranges_[order_[i]];
      BB_CHECK(range.base <= range.last, "{}", range.name);
      BB_CHECK(i == 0 || ranges_[order_[i - 1]].last < range.base, "{} overlaps", range.name);
    }
  }

  /// The index of the range that holds all of [address, address + size), kNobody when there is none; size 0 counts
  /// as 1.
  uint32_t find(uint64_t address, uint64_t size) const {
    auto after = std::upper_bound(order_.begin(), order_.end(), address,
                                  [&](uint64_t value, uint32_t index) { return value < ranges_[index].base; });
    if (after == order_.begin()) return kNobody;
    const uint32_t index = *std::prev(after);
    return holds(index, address, size) ? index : kNobody;
  }
  /// Whether range `index` holds all of it.
  bool holds(uint32_t index, uint64_t address, uint64_t size) const {
    const AddressRange& range = ranges_[index];
    return address >= range.base && address <= range.last && (size == 0 || size - 1 <= range.last - address);
  }

  const AddressRange& operator[](uint32_t index) const { return ranges_[index]; }
  size_t size() const { return ranges_.size(); }

 private:
  std::vector<AddressRange> ranges_;
  std::vector<uint32_t> order_;  ///< by base
};

/// The access windows of one master. Without windows everything is allowed.
class AccessWindows {
 public:
  void add(const BusWindowConfig& window) { windows_.push_back(window); }

  /// Whether one window covers all of [address, address + size) for `op`.
  bool allows(BusOp op, uint64_t address, uint64_t size) const {
    if (windows_.empty()) return true;
    return std::any_of(windows_.begin(), windows_.end(), [&](const BusWindowConfig& w) {
      return (op == BusOp::read ? w.read : w.write) && address >= w.base && address <= w.last &&
             (size == 0 || size - 1 <= w.last - address);
    });
  }

  /// Narrows a direct region (limits absolute) to the first window around `address`. False when none covers it.
  bool clip(uint64_t address, DirectRegion& region) const {
    if (windows_.empty()) return true;
    for (const BusWindowConfig& w : windows_) {
      if (address < w.base || address > w.last) continue;
      if (w.base > region.first) {
        region.bytes += w.base - region.first;
        region.first = w.base;
      }
      region.last = std::min(region.last, w.last);
      region.readable = region.readable && w.read;
      region.writable = region.writable && w.write;
      return true;
    }
    return false;
  }

 private:
  std::vector<BusWindowConfig> windows_;
};

}  // namespace backboard
