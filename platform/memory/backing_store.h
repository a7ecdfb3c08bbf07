// The bytes of a memory on the host: zero at first, present only where they were touched.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "platform/state/archive.h"

namespace backboard {

/// A range of host memory that reads as zero until written. The host commits pages as they are touched, so a gibibyte
/// of guest memory costs what the guest uses. The address never changes: direct regions may point into it.
class BackingStore final : public Saved {
 public:
  /// Reserves `size_bytes`, at least 1. `name` appears in errors. Throws InputError when the host refuses.
  BackingStore(std::string name, uint64_t size_bytes);
  ~BackingStore() override;
  BackingStore(const BackingStore&) = delete;
  BackingStore& operator=(const BackingStore&) = delete;

  uint8_t* bytes() { return bytes_; }
  const uint8_t* bytes() const { return bytes_; }
  uint64_t size_bytes() const { return size_bytes_; }
  /// Whether [offset, offset + count) lies inside, for any values.
  bool covers(uint64_t offset, uint64_t count) const { return offset <= size_bytes_ && count <= size_bytes_ - offset; }

  /// All bytes to zero; the host takes its pages back.
  void clear();

  /// Saves the pages that are not zero, 4096 bytes each.
  void state(StateArchive& archive) override;

 private:
  std::span<uint8_t> page(uint64_t index);

  std::string name_;
  uint64_t size_bytes_;
  uint8_t* bytes_ = nullptr;
};

}  // namespace backboard
