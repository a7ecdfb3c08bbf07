/* Memory as addresses: everything that a run block or a plan names is a 32-bit address. */
#ifndef FIRMWARE_RUNTIME_MEMORY_H
#define FIRMWARE_RUNTIME_MEMORY_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/** A large buffer that need not start at zero: the start-up code leaves it alone. */
#define MEMORY_NOINIT __attribute__((section(".bss.noinit"), aligned(64)))

/** Bytes from `base` on. */
typedef struct region {
  uint32_t base;
  uint32_t size_bytes;
} region;

/** What the loader may have put things into, and what the firmware itself takes. */
typedef struct memory_limits {
  region dram;
  region image; /**< code, variables and stack of this firmware */
} memory_limits;

/** The bytes at an address. On the board the address itself; tests put memory of their own behind it. Callers have
 *  checked that the range lies in memory. */
void* memory_at(uint32_t address);

/** Whether `inner` lies in `outer`; an empty inner one counts by its base. No address arithmetic overflows. */
static inline bool region_inside(region inner, region outer) {
  const uint32_t place = inner.base - outer.base;
  return inner.base >= outer.base && place <= outer.size_bytes && inner.size_bytes <= outer.size_bytes - place;
}

/** Whether two regions share a byte. */
static inline bool region_overlap(region a, region b) {
  if (a.size_bytes == 0 || b.size_bytes == 0) return false;
  return a.base < b.base ? b.base - a.base < a.size_bytes : a.base - b.base < b.size_bytes;
}

/** crc32_update (drivers/crc/crc32.h): goes on from `crc` over `size_bytes` bytes. On the board by the DMA engine,
 * where it has the checksum and there are enough bytes for it; elsewhere by the core. Not from an interrupt. */
uint32_t memory_crc32(uint32_t crc, const void* data, uint32_t size_bytes);

/** Copies whole words; addresses and size are multiples of 4. */
void memory_copy_words(void* to, const void* from, uint32_t size_bytes);

#ifdef __cplusplus
}
#endif

#endif
