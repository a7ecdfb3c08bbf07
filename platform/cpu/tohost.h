// The tohost protocol of riscv-tests: a program ends by writing its result to the word `tohost`.
#pragma once

#include <cstdint>
#include <optional>

#include "platform/cpu/core.h"

namespace backboard {

/// Watches the word `tohost`. `arm` keeps the core's stores to it on the bus, and the owner of the memory (the router
/// or a test's bus) reports writes with `on_write`. Bit 0 set ends the program: exit code is the value shifted right by
/// one (0: passed). Other values ask the front-end server for system calls, which are not modelled: exit code 2 with
/// `unsupported()` set.
class TohostWatch {
 public:
  TohostWatch(Core& core, uint64_t address) : core_(core), address_(address) {}

  uint64_t address() const { return address_; }
  void arm() { core_.exclude_from_direct(address_, address_ + 7); }

  /// A write of `size` bytes at absolute `address`, carried out already or about to be.
  void on_write(uint64_t address, const uint8_t* data, uint32_t size) {
    if (address > address_ || address_ - address >= size || exit_code_) return;
    uint64_t value = 0;
    for (uint32_t i = 0; i < size && address + i < address_ + 8; ++i) {
      if (address + i >= address_) value |= uint64_t{data[i]} << (8 * (address + i - address_));
    }
    if (value == 0) return;
    unsupported_ = (value & 1) == 0;
    exit_code_ = unsupported_ ? 2 : static_cast<int>((value >> 1) & 0x7fffffff);
    core_.request_stop();
  }

  /// The program's result once it has ended.
  std::optional<int> exit_code() const { return exit_code_; }
  bool unsupported() const { return unsupported_; }

 private:
  Core& core_;
  uint64_t address_;
  std::optional<int> exit_code_;
  bool unsupported_ = false;
};

}  // namespace backboard
