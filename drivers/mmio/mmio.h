/* Accesses to device registers. The drivers touch hardware through these functions and nothing else, so a test on the
 * host replaces them at link time (tests/drivers/mock_mmio.cc). Each makes exactly one bus access of its width. */
#ifndef DRIVERS_MMIO_H
#define DRIVERS_MMIO_H

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

uint32_t mmio_read32(uintptr_t address);
void mmio_write32(uintptr_t address, uint32_t value);
uint8_t mmio_read8(uintptr_t address);
void mmio_write8(uintptr_t address, uint8_t value);

#ifdef __cplusplus
}
#endif

/** Value of a register field, shifted down. */
static inline uint32_t mmio_field_get(uint32_t value, uint32_t mask, uint32_t lsb) {
  return (value & mask) >> lsb;
}

#endif
