// The cells of a NOR flash, and the file that keeps them when the power is off.
#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "platform/memory/backing_store.h"

namespace backboard {

/// Cells that programming clears and erasing sets. With a file, every change is written there as it is made: a process
/// that ends, in whatever way, leaves what the flash had. Throws InputError for a file that cannot be opened, is larger
/// than the flash, or cannot be written.
class FlashArray final : public Saved {
 public:
  /// An empty `file` keeps the cells in memory only. A file that does not exist is created; bytes that it lacks are
  /// erased.
  FlashArray(uint64_t size_bytes, std::string file);
  ~FlashArray() override;
  FlashArray(const FlashArray&) = delete;
  FlashArray& operator=(const FlashArray&) = delete;

  uint64_t size_bytes() const { return cells_.size_bytes(); }
  bool covers(uint64_t offset, uint64_t count) const { return cells_.covers(offset, count); }
  uint8_t at(uint64_t offset) const { return static_cast<uint8_t>(~cells_.bytes()[offset]); }
  void read(uint64_t offset, std::span<uint8_t> bytes) const;

  /// Clears the bits that are 0 in `bytes`.
  void program(uint64_t offset, std::span<const uint8_t> bytes);
  void erase(uint64_t offset, uint64_t count);
  /// Sets bytes whatever they were: the factory's programmer, not the controller.
  void overwrite(uint64_t offset, std::span<const uint8_t> bytes);

  /// Restoring brings the file to the restored cells as well.
  void state(StateArchive& archive) override;

 private:
  void open_file();
  void write_back(uint64_t offset, uint64_t count);

  std::string file_;
  int descriptor_ = -1;
  uint64_t file_bytes_ = 0;
  BackingStore cells_;  ///< inverted: an untouched page is an erased one
};

}  // namespace backboard
