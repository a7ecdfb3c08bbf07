#include "tests/drivers/mock_mmio.h"

#include <catch2/catch.hpp>
#include <sstream>
#include <stdexcept>

#include "drivers/mmio/mmio.h"

namespace backboard::test {

namespace {
MmioDevice* the_device = nullptr;

MmioDevice& device() {
  if (the_device == nullptr) throw std::logic_error("access without a device");
  return *the_device;
}
}  // namespace

MmioDevice::MmioDevice() {
  the_device = this;
}

MmioDevice::~MmioDevice() {
  the_device = nullptr;
}

MmioScript::~MmioScript() {
  if (!expected_.empty()) FAIL_CHECK("expected, but did not come: " << expected_.front().text());
}

std::string MmioScript::Access::text() const {
  std::ostringstream out;
  out << (write ? "write" : "read") << size_bytes * 8 << " 0x" << std::hex << address << " = 0x" << value;
  return out.str();
}

MmioScript& MmioScript::expect(bool write, uint32_t offset, uint32_t value, unsigned size_bytes) {
  expected_.push_back({write, base_ + offset, value, size_bytes});
  return *this;
}

MmioScript::Access MmioScript::take(bool write, uintptr_t address, unsigned size_bytes) {
  const Access got{write, address, 0, size_bytes};
  if (expected_.empty()) throw std::runtime_error("unexpected " + got.text());
  const Access next = expected_.front();
  expected_.pop_front();
  if (next.write != write || next.address != address || next.size_bytes != size_bytes) {
    throw std::runtime_error("expected " + next.text() + ", got " + got.text());
  }
  return next;
}

uint32_t MmioScript::read(uintptr_t address, unsigned size_bytes) {
  return take(false, address, size_bytes).value;
}

void MmioScript::write(uintptr_t address, uint32_t value, unsigned size_bytes) {
  const Access next = take(true, address, size_bytes);
  INFO(next.text());
  CHECK(value == next.value);
}

}  // namespace backboard::test

extern "C" {
uint32_t mmio_read32(uintptr_t address) {
  return backboard::test::device().read(address, 4);
}
void mmio_write32(uintptr_t address, uint32_t value) {
  backboard::test::device().write(address, value, 4);
}
uint8_t mmio_read8(uintptr_t address) {
  return static_cast<uint8_t>(backboard::test::device().read(address, 1));
}
void mmio_write8(uintptr_t address, uint8_t value) {
  backboard::test::device().write(address, value, 1);
}
}
