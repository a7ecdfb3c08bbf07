/* Descriptors and error codes of the DMA engine as C types, from dma_descriptor.def. */
#ifndef DRIVERS_DMA_DESCRIPTOR_H
#define DRIVERS_DMA_DESCRIPTOR_H

#include <assert.h>
#include <stddef.h>
#include <stdint.h>

/** Descriptors lie at multiples of it. */
#define DMA_DESCRIPTOR_ALIGNMENT 32u
/** `status`: the engine has worked on the descriptor. */
#define DMA_DESCRIPTOR_WORKED_ON 0x80000000u

/** Values of the field CODE of DMA_CH_ERROR. */
enum dma_error {
#define DMA_ERROR(name, value, description) DMA_ERROR_##name = value,
#include "drivers/dma/dma_descriptor.def"
  DMA_ERRORS_END
};

/** A descriptor as it lies in memory. */
typedef struct dma_descriptor {
#define DMA_DESCRIPTOR_FIELD(name, type, offset, description) type name;
#include "drivers/dma/dma_descriptor.def"
} dma_descriptor;

static_assert(sizeof(dma_descriptor) == DMA_DESCRIPTOR_ALIGNMENT, "a descriptor has 32 bytes");
#define DMA_DESCRIPTOR_FIELD(name, type, offset, description) \
  static_assert(offsetof(dma_descriptor, name) == (offset), "descriptor layout");
#include "drivers/dma/dma_descriptor.def"

#endif
