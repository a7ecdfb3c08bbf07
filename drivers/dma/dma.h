/* Driver of the DMA engine: copies and lists of copies in the background, memcpy, waiting by interrupt, errors.
 *
 * Channels are independent: one thread of control uses a channel at a time, and dma_interrupt() may come in between.
 * Addresses are those of the bus, which are the core's. The engine is coherent with no cache: dma_start and
 * dma_list_start leave maintenance to their caller (driver_os_clean of what is read, driver_os_invalidate of what is
 * written, before the start and after the end), the others do it. */
#ifndef DRIVERS_DMA_H
#define DRIVERS_DMA_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/dma/dma_descriptor.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Most channels that the driver knows. */
#define DMA_CHANNELS_MAX 4u
/** Priorities of a channel: 0 to this, larger goes first. */
#define DMA_PRIORITY_MAX 3u
/** Polls of a status bit before dma_reset gives up. */
#define DMA_RESET_POLLS 100000u
/** Cache lines lie at multiples of it: the ends of a dma_memcpy that share one are copied by the core. */
#define DMA_LINE_BYTES 64u

typedef enum dma_result {
  DMA_OK = 0,
  DMA_BAD_ARGUMENT, /**< null, no such channel or priority, misaligned list: no register was written */
  DMA_NOT_FOUND,    /**< DMA_ID is not that of the engine: no register was written */
  DMA_BAD_VERSION,  /**< the engine's major version is not the driver's: no register was written */
  DMA_BUSY,         /**< the channel is at work: no register was written */
  DMA_FAILED,       /**< the channel ended with an error: dma_error_read says which */
  DMA_ABORTED,      /**< the channel ended because of dma_abort */
  DMA_TIMEOUT,      /**< patience is over; the channel goes on */
  DMA_RESET_FAILED, /**< accesses in flight were not answered after a soft reset */
  DMA_NO_CRC,       /**< the engine has no checksum: no register was written */
} dma_result;

/** One copy. `control`: bits FIXED_SOURCE, FIXED_DESTINATION, WIDTH, CRC, NO_WRITE, PHASE, CLASS and, in lists, STEP of
 *  DMA_CH_CONTROL (dma_registers.h); 0: bytes from here to there. With CRC or NO_WRITE, `has_crc` of the device must be
 *  true. */
typedef struct dma_copy {
  uint32_t source, destination, bytes, control;
} dma_copy;

/** A device. The fields belong to the driver, `channels`, `burst_bytes` and `has_crc` may be read. */
typedef struct dma {
  uintptr_t base;
  uint32_t channels, burst_bytes;
  bool has_crc;
  volatile uint32_t events[DMA_CHANNELS_MAX]; /**< taken by dma_interrupt since the start, DMA_CH_EVENTS */
} dma;

/** What a channel said of its last error. */
typedef struct dma_error_report {
  uint32_t code;       /**< enum dma_error */
  bool write;          /**< the access that failed was a write */
  uint32_t address;    /**< of the access that failed, or of what cannot be done */
  uint32_t descriptor; /**< of a list: the one that failed; else 0 */
  uint32_t moved;      /**< bytes copied since the start, all in front of the error */
} dma_error_report;

/** Identifies the engine, resets it and switches its interrupts off. */
dma_result dma_init(dma* device, uintptr_t base);

/** Soft reset of all channels: waits until accesses in flight are answered. */
dma_result dma_reset(dma* device);

/** Starts a copy. Any alignment and size; towards higher addresses source and destination must not overlap. */
dma_result dma_start(dma* device, uint32_t channel, const dma_copy* copy, uint32_t priority);

/** Makes a list of `count` copies in `list`, `count` descriptors at a multiple of DMA_LINE_BYTES that share their last
 *  line with nothing, and writes it back to memory. DMA_BAD_ARGUMENT: nothing was written. */
dma_result dma_list_make(dma_descriptor* list, const dma_copy* copies, uint32_t count);

/** Starts a list of dma_list_make. It must stay until the channel has ended. */
dma_result dma_list_start(dma* device, uint32_t channel, const dma_descriptor* list, uint32_t priority);

/** Descriptors of a list that are complete without an error, from its first on. May be called while it is worked on. */
uint32_t dma_list_done(dma_descriptor* list, uint32_t count);

/** Sleeps until the channel has ended, `patience_ms` at most: DMA_OK, DMA_FAILED, DMA_ABORTED or DMA_TIMEOUT. Works
 *  with interrupts (dma_interrupt) and without them. */
dma_result dma_wait(dma* device, uint32_t channel, uint32_t patience_ms);

/** Whether the channel is at work. */
bool dma_busy(const dma* device, uint32_t channel);

/** Asks the channel to end; dma_wait waits for that, and says DMA_ABORTED unless it had ended before. */
dma_result dma_abort(dma* device, uint32_t channel);

/** Bytes copied since the channel's start. */
uint32_t dma_moved(const dma* device, uint32_t channel);

/** memcpy by `channel`, with the cache maintenance that it needs; returns when all is copied. The core copies what
 *  shares a cache line with others at the ends of `to`. After DMA_FAILED, DMA_TIMEOUT (the channel was aborted then) or
 *  DMA_ABORTED the bytes of `to` are unknown. */
dma_result dma_memcpy(dma* device, uint32_t channel, void* to, const void* from, uint32_t bytes, uint32_t patience_ms);

/** Checksum that the next starts of `channel` with the bit CRC go on from, by dma_start and dma_list_start; 0 after
 *  dma_init, dma_reset and dma_crc32. What the channel is at does not notice. */
dma_result dma_crc_from(dma* device, uint32_t channel, uint32_t crc);

/** CRC-32 of what the channel has moved with the bit CRC since its start, behind dma_crc_from; exact after DMA_OK. */
uint32_t dma_crc(const dma* device, uint32_t channel);

/** crc32_update (drivers/crc/crc32.h) by `channel`, with the cache maintenance that it needs: goes on from `*crc` over
 *  `bytes` bytes. After another result than DMA_OK `*crc` is as it was; after DMA_TIMEOUT the channel was aborted. */
dma_result dma_crc32(dma* device, uint32_t channel, uint32_t* crc, const void* data, uint32_t bytes,
                     uint32_t patience_ms);

/** Serves the engine's interrupt: remembers and clears the events of all channels. */
void dma_interrupt(dma* device);

/** The channel's last error; `code` 0: none since its start. */
dma_error_report dma_error_read(const dma* device, uint32_t channel);

const char* dma_error_text(uint32_t code);
const char* dma_result_text(dma_result result);

/** The address of an object as the engine sees it: that of the core. */
static inline uint32_t dma_address(const volatile void* object) {
  return (uint32_t)(uintptr_t)object;
}

#ifdef __cplusplus
}
#endif

#endif
