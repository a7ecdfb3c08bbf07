/* Driver of the PLIC for context 0: machine mode of hart 0. */
#ifndef DRIVERS_PLIC_H
#define DRIVERS_PLIC_H

#include <stdbool.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PLIC_SOURCES 96u /**< sources 0 to 95; source 0 does not exist */
#define PLIC_PRIORITY_MAX 7u

typedef enum plic_result {
  PLIC_OK = 0,
  PLIC_BAD_ARGUMENT, /**< source 0 or too large, priority above PLIC_PRIORITY_MAX: no register was touched */
} plic_result;

/** Sets the priority of a source; 0: it never interrupts. */
plic_result plic_set_priority(uintptr_t base, uint32_t source, uint32_t priority);

/** Enables or disables a source. */
plic_result plic_enable(uintptr_t base, uint32_t source, bool on);

/** Only priorities above the threshold interrupt. */
plic_result plic_set_threshold(uintptr_t base, uint32_t threshold);

/** Claims the pending source of the highest priority; 0: none. It stays quiet until plic_complete. */
uint32_t plic_claim(uintptr_t base);

/** Says that the source was served. */
plic_result plic_complete(uintptr_t base, uint32_t source);

#ifdef __cplusplus
}
#endif

#endif
