// A flash behind its controller's registers, with power cuts: after a chosen number of bytes programmed or sectors
// erased every further change fails half done, as if the power had gone.
#pragma once

#include <cstdint>
#include <vector>

#include "tests/drivers/mock_mmio.h"

namespace backboard::test {

class FakeFlash final : public MmioDevice {
 public:
  static constexpr uintptr_t kBase = 0x10040000, kWindow = 0x20000000;
  static constexpr uint32_t kPage = 256, kSector = 4096;

  explicit FakeFlash(uint32_t size_bytes);
  uint32_t read(uintptr_t address, unsigned size_bytes) override;
  void write(uintptr_t address, uint32_t value, unsigned size_bytes) override;

  std::vector<uint8_t> bytes;
  uint64_t budget = UINT64_MAX;  ///< bytes that may still be changed; an erased sector counts as one page
  uint32_t busy_polls = 2;       ///< reads of the status until an operation has ended
  bool never_ready = false;
  bool refuse = false;  ///< answers the next command with an error

 private:
  void command(uint8_t code);
  void program();
  void erase();

  uint32_t address_ = 0, length_ = 0, irq_status_ = 0, busy_ = 0;
  bool enabled_ = false;
  std::vector<uint8_t> page_;
};

}  // namespace backboard::test
