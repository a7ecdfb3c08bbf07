/* Register accesses of the NPU driver's own files. */
#ifndef DRIVERS_NPU_ACCESS_H
#define DRIVERS_NPU_ACCESS_H

#include "drivers/mmio/mmio.h"
#include "drivers/npu/npu.h"
#include "drivers/npu/npu_registers.h"

static inline uint32_t npu_register_read(const npu* device, uint32_t offset) {
  return mmio_read32(device->config.base + offset);
}

static inline void npu_register_write(const npu* device, uint32_t offset, uint32_t value) {
  mmio_write32(device->config.base + offset, value);
}

/* A 64-bit counter: reading the low half latches the high one. */
static inline uint64_t npu_counter_read(const npu* device, uint32_t offset_lo) {
  const uint64_t lo = npu_register_read(device, offset_lo);
  return lo | (uint64_t)npu_register_read(device, offset_lo + 4) << 32;
}

/* Whether memory can be that of a ring. */
static inline bool npu_ring_memory_valid(const npu_command* slots, uint32_t address, uint32_t commands) {
  if (slots == NULL || commands < NPU_RING_MIN || commands > NPU_RING_MAX || (commands & (commands - 1)) != 0) {
    return false;
  }
  return address != 0 && address % sizeof(npu_command) == 0;
}

#endif
