// Memory behind memory_at(): DRAM of a chosen size at 0x8000_0000, on the heap, so that a sanitizer sees every byte
// read or written beyond its end.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

#include "firmware/runtime/memory.h"

namespace backboard::test {

class FakeDram {
 public:
  static constexpr uint32_t kBase = 0x80000000;
  explicit FakeDram(uint32_t size_bytes);
  ~FakeDram();
  FakeDram(const FakeDram&) = delete;
  FakeDram& operator=(const FakeDram&) = delete;

  /// The first `image_bytes` bytes belong to the firmware.
  memory_limits limits(uint32_t image_bytes = 4096) const;
  template <class T>
  T& at(uint32_t address) {
    return *static_cast<T*>(memory_at(address));
  }
  void put(uint32_t address, const std::vector<uint8_t>& data) {
    std::memcpy(memory_at(address), data.data(), data.size());
  }

  std::vector<uint8_t> bytes;
};

}  // namespace backboard::test
