#include "drivers/mmio/mmio.h"

uint32_t mmio_read32(uintptr_t address) {
  return *(const volatile uint32_t*)address;
}

void mmio_write32(uintptr_t address, uint32_t value) {
  *(volatile uint32_t*)address = value;
}

uint8_t mmio_read8(uintptr_t address) {
  return *(const volatile uint8_t*)address;
}

void mmio_write8(uintptr_t address, uint8_t value) {
  *(volatile uint8_t*)address = value;
}
