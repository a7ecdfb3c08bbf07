// Host memory that holds compiled code: never writable and executable at one time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace backboard {

/// A range of private pages that is filled from its start and emptied as a whole. Private, so that a forked process has
/// its own.
class CodeMemory {
 public:
  /// Reserves `size_bytes`. `bytes()` is nullptr when the host refuses.
  explicit CodeMemory(size_t size_bytes);
  ~CodeMemory();
  CodeMemory(const CodeMemory&) = delete;
  CodeMemory& operator=(const CodeMemory&) = delete;

  const uint8_t* bytes() const { return bytes_; }
  size_t used_bytes() const { return used_bytes_; }
  size_t room_bytes() const { return size_bytes_ - used_bytes_; }
  /// Where the next code goes: its address is known before it is made.
  const uint8_t* next() const { return bytes_ + used_bytes_; }
  /// Copies `code`, which must have room, to next(). False when the host no longer lets pages change.
  bool append(std::span<const uint8_t> code);
  /// Forgets what lies behind the first `bytes`.
  void shrink(size_t bytes) { used_bytes_ = bytes; }

 private:
  uint8_t* bytes_ = nullptr;
  size_t size_bytes_;
  size_t used_bytes_ = 0;
};

}  // namespace backboard
