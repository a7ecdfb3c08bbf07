#include "tests/drivers/fake_flash.h"

#include <algorithm>
#include <stdexcept>

#include "drivers/flash/flash_registers.h"

namespace backboard::test {

FakeFlash::FakeFlash(uint32_t size_bytes) : bytes(size_bytes, 0xFF) {}

uint32_t FakeFlash::read(uintptr_t address, unsigned size_bytes) {
  if (address >= kWindow) {
    if (busy_ != 0) throw std::logic_error("read of a busy flash");
    uint32_t value = 0;
    for (unsigned i = 0; i < size_bytes; i++) value |= uint32_t{bytes.at(address - kWindow + i)} << 8 * i;
    return value;
  }
  switch (address - kBase) {
    case FLASH_ID_OFFSET:
      return 0x001840EF;
    case FLASH_SIZE_OFFSET:
      return static_cast<uint32_t>(bytes.size());
    case FLASH_GEOMETRY_OFFSET:
      return kSector << 16 | kPage;
    case FLASH_STATUS_OFFSET:
      if (busy_ != 0 && !never_ready && --busy_ == 0) irq_status_ |= FLASH_IRQ_DONE_MASK;
      return busy_ != 0 ? FLASH_STATUS_BUSY_MASK : 0;
    case FLASH_IRQ_STATUS_OFFSET:
      return irq_status_;
    default:
      throw std::logic_error("read of an unexpected flash register");
  }
}

void FakeFlash::write(uintptr_t address, uint32_t value, unsigned size_bytes) {
  if (size_bytes != 4) throw std::logic_error("flash registers take words");
  switch (address - kBase) {
    case FLASH_COMMAND_OFFSET:
      return command(static_cast<uint8_t>(value));
    case FLASH_ADDRESS_OFFSET:
      address_ = value;
      return page_.clear();
    case FLASH_LENGTH_OFFSET:
      length_ = value;
      return;
    case FLASH_DATA_OFFSET:
      for (int i = 0; i < 4; i++) page_.push_back(static_cast<uint8_t>(value >> 8 * i));
      return;
    case FLASH_IRQ_ENABLE_OFFSET:
      return;
    case FLASH_IRQ_STATUS_OFFSET:
      irq_status_ &= ~value;
      return;
    default:
      throw std::logic_error("write of an unexpected flash register");
  }
}

void FakeFlash::command(uint8_t code) {
  if (code == 0x06) {
    enabled_ = true;
    return;
  }
  if (refuse || !enabled_ || busy_ != 0) {
    irq_status_ |= FLASH_IRQ_ERROR_MASK;
    return;
  }
  if (code == 0x02) program();
  if (code == 0x20) erase();
  enabled_ = false;
  busy_ = busy_polls;
}

void FakeFlash::program() {
  if (length_ == 0 || length_ > kPage || address_ % kPage + length_ > kPage || page_.size() < length_) {
    irq_status_ |= FLASH_IRQ_ERROR_MASK;
    return;
  }
  for (uint32_t i = 0; i < length_ && budget != 0; i++, budget--) bytes.at(address_ + i) &= page_[i];
}

void FakeFlash::erase() {
  const uint32_t first = address_ / kSector * kSector;
  const auto count = static_cast<uint32_t>(std::min<uint64_t>(budget, kPage) * (kSector / kPage));
  std::fill_n(bytes.begin() + first, count, 0xFF);
  budget -= std::min<uint64_t>(budget, kPage);
}

}  // namespace backboard::test
