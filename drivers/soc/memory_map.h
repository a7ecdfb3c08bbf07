/* The default memory map as C names, from memory_map.def: SOC_DRAM_BASE, SOC_DRAM_BYTES, SOC_NPU_IRQ. */
#ifndef DRIVERS_SOC_MEMORY_MAP_H
#define DRIVERS_SOC_MEMORY_MAP_H

#include <stdint.h>

#define MAP(name, base, size, description)        \
  static const uint32_t SOC_##name##_BASE = base; \
  static const uint32_t SOC_##name##_BYTES = size;
#define IRQ(name, number, description) enum { SOC_##name##_IRQ = number };
#include "drivers/soc/memory_map.def"

#endif
