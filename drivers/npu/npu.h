/* Device driver of the training NPU: start, submit, wait, reset, errors, windows, counters.
 *
 * Layers: npu_commands.h fills the 64 bytes of a command, npu_tensor.h those of a descriptor; this file moves commands
 * to the device. What it needs of its surroundings are the functions of drivers/os/driver_os.h.
 *
 * The device has two command rings over one engine: ring 0, which npu_init starts, and ring 1, which npu_ring_open
 * adds. The engine changes hands between commands (or groups); of waiting rings the one of the higher priority is next.
 *
 * One thread of control uses a ring at a time; npu_interrupt() may come in between, from the interrupt, and so may the
 * functions npu_ring_ of the other ring: no register and no field of npu is written for both. All other functions
 * belong to the one that uses ring 0. */
#ifndef DRIVERS_NPU_H
#define DRIVERS_NPU_H

#include <stdbool.h>
#include <stdint.h>

#include "drivers/npu/npu_command.h"

#ifdef __cplusplus
extern "C" {
#endif

#define NPU_WINDOWS 4u
#define NPU_RINGS 2u
/** Largest priority of a ring. */
#define NPU_PRIORITY_MAX 15u
#define NPU_RING_MIN 2u
#define NPU_RING_MAX 65536u
/** Polls of a status bit before npu_init and npu_reset give up. */
#define NPU_RESET_POLLS 100000u

/** Result of every function of the driver. */
typedef enum npu_result {
  NPU_OK = 0,
  NPU_BAD_ARGUMENT, /**< an argument is out of its documented range */
  NPU_NOT_FOUND,    /**< NPU_ID is not that of the NPU */
  NPU_BAD_VERSION,  /**< the device's major version is not the driver's */
  NPU_NOT_CAPABLE,  /**< the engine does not offer what is asked for; npu_missing says what */
  NPU_RING_FULL,    /**< not enough free slots; try again after a fence */
  NPU_DEVICE_ERROR, /**< a command failed: npu_error_read has the details; only npu_reset resumes */
  NPU_SLOW,         /**< patience is over, but the device completes commands: it is slow */
  NPU_HUNG,         /**< no command completed within a whole period: the device hangs */
  NPU_RESET_FAILED, /**< the device stayed busy after a soft reset */
} npu_result;

/** What the device says that it is. */
typedef struct npu_capabilities {
  uint32_t version;
  uint32_t engine;  /**< enum npu_engine */
  uint32_t ops_lo;  /**< opcodes 0 to 31 */
  uint32_t ops_hi;  /**< opcodes 32 to 63 */
  uint32_t formats; /**< bit per enum npu_format */
  uint32_t buffer_bytes;
  uint32_t max_kernel;
  uint32_t max_stride;
  uint32_t max_group; /**< commands in a group; 0: no groups */
  bool fused_sgd;
} npu_capabilities;

/** What a piece of work needs; zero fields ask for nothing. */
typedef struct npu_needs {
  uint32_t engine; /**< 0: any */
  uint32_t ops_lo, ops_hi;
  uint32_t formats;
  uint32_t buffer_bytes;
  bool fused_sgd;
} npu_needs;

/** First thing in which a device falls short. */
typedef enum npu_missing {
  NPU_MISSING_NOTHING = 0,
  NPU_MISSING_ENGINE,
  NPU_MISSING_OPCODE,
  NPU_MISSING_FORMAT,
  NPU_MISSING_BUFFER,
  NPU_MISSING_FUSED_SGD,
} npu_missing;

/** Part of the address space that the NPU's DMA may touch. */
typedef struct npu_window {
  uint32_t base; /**< first address */
  uint32_t last; /**< last address, inclusive */
  bool read, write;
} npu_window;

typedef struct npu_config {
  uintptr_t base;                  /**< of the registers */
  npu_command* ring;               /**< memory of the ring, as the core sees it */
  uint32_t ring_address;           /**< the same, as the NPU sees it; 64-byte aligned */
  uint32_t ring_commands;          /**< a power of two, NPU_RING_MIN to NPU_RING_MAX */
  uint32_t watchdog_cycles;        /**< limit of one command; 0: none */
  npu_window windows[NPU_WINDOWS]; /**< the ring needs read access as well */
} npu_config;

/** The memory of a command ring. */
typedef struct npu_ring_config {
  npu_command* slots;       /**< as the core sees it */
  uint32_t address;         /**< as the NPU sees it, 64-byte aligned; readable through a window */
  uint32_t commands;        /**< slots: a power of two from NPU_RING_MIN to NPU_RING_MAX */
  uint32_t watchdog_cycles; /**< that one command (or group) may take; 0: no limit */
} npu_ring_config;

/** A device. The fields belong to the driver. */
typedef struct npu {
  npu_config config;
  npu_capabilities capabilities;
  uint32_t tail;                /**< commands submitted to ring 0 since reset */
  uint32_t fence;               /**< last fence value handed out, of ring 0 */
  npu_ring_config second;       /**< of ring 1; no slots: closed */
  uint32_t second_tail;         /**< of ring 1 */
  uint32_t second_fence;        /**< of ring 1 */
  volatile uint32_t raised;     /**< interrupts seen through NPU_IRQ_RAISE */
  volatile uint32_t interrupts; /**< interrupts served */
} npu;

/** Causes of an interrupt: the bits of NPU_IRQ_STATUS. */
enum npu_interrupt_bit {
  NPU_INTERRUPT_FENCE = 1,       /**< a fence of ring 0 */
  NPU_INTERRUPT_ERROR = 2,       /**< a command of ring 0 failed */
  NPU_INTERRUPT_RAISED = 4,      /**< npu_raise_interrupt */
  NPU_INTERRUPT_RING1_FENCE = 8, /**< a fence of ring 1 */
  NPU_INTERRUPT_RING1_ERROR = 16 /**< a command of ring 1 failed */
};

/** How long npu_wait_fence waits. A period without one completed command means hung. */
typedef struct npu_patience {
  uint64_t period_ticks; /**< of driver_os_now */
  uint32_t periods;      /**< at most, as long as commands complete */
} npu_patience;

typedef struct npu_error_report {
  uint32_t code;    /**< enum npu_error */
  uint32_t index;   /**< number of the failing command since reset */
  uint32_t address; /**< address that failed */
  uint32_t detail;  /**< byte offset of the offending field in the command or descriptor */
} npu_error_report;

/** What one ring did since the counters were cleared. */
typedef struct npu_ring_counters {
  uint64_t busy_cycles; /**< a command of this ring was running */
  uint64_t wait_cycles; /**< one waited for the other ring */
  uint64_t commands;
} npu_ring_counters;

typedef struct npu_counters {
  uint64_t busy_cycles, compute_cycles, load_stall_cycles;
  uint64_t macs, macs_skipped;
  uint64_t read_bytes, write_bytes;
  uint64_t commands;
  uint64_t saturated, nonfinite;
} npu_counters;

/** Identifies the device, reads its capabilities, resets it, programs ring and windows, clears the counters and enables
 *  the device and its three interrupts.
 *  NPU_BAD_ARGUMENT (null pointer, ring not a power of two or not aligned, window with last < base): nothing was
 * touched. NPU_NOT_FOUND, NPU_BAD_VERSION: no register was written; `device` is unusable. NPU_RESET_FAILED: only
 * NPU_CTRL was written. */
npu_result npu_init(npu* device, const npu_config* config);

/** Compares needs with capabilities. Touches no register; fills `missing` (may be null) in either case.
 *  NPU_OK or NPU_NOT_CAPABLE. */
npu_result npu_check(const npu* device, const npu_needs* needs, npu_missing* missing);

/** Soft reset of everything, then ring 0, windows and interrupts as npu_init left them; ring 1 is closed. Clears an
 * error; commands not completed are lost; performance counters and fence numbers go on. NPU_RESET_FAILED: after
 * NPU_RESET_POLLS polls the device is still busy; it is left disabled. */
npu_result npu_reset(npu* device);

/** Free slots of the ring. Reads NPU_RING_HEAD. */
uint32_t npu_ring_free(const npu* device);

/** Copies `count` commands into the ring, makes them visible to the NPU and rings the doorbell: all or nothing.
 *  NPU_BAD_ARGUMENT (count 0 or more than the ring has slots), NPU_RING_FULL: no register was written, ring untouched.
 */
npu_result npu_submit(npu* device, const npu_command* commands, uint32_t count);

/** Like npu_submit, followed by a FENCE that raises the interrupt; its number goes to `fence`. Needs count + 1 slots;
 *  count may be 0. Errors as in npu_submit; then no fence number was used. */
npu_result npu_submit_fenced(npu* device, const npu_command* commands, uint32_t count, uint32_t* fence);

/** Whether the fence number was reached. Reads NPU_FENCE. */
bool npu_fence_reached(const npu* device, uint32_t fence);

/** Sleeps until the fence is reached, a command fails, or the patience is over. Free of the race between looking and
 *  sleeping: interrupts are off from the look to driver_os_wait, which a pending interrupt ends.
 *  NPU_OK; NPU_DEVICE_ERROR; NPU_SLOW and NPU_HUNG: the device goes on as it was.
 *  NPU_BAD_ARGUMENT (period or periods 0): no register was touched. */
npu_result npu_wait_fence(npu* device, uint32_t fence, const npu_patience* patience);

/** Serves the interrupt: reads and clears NPU_IRQ_STATUS. Returns the bits that were set (enum npu_interrupt_bit). */
uint32_t npu_interrupt(npu* device);

/** Raises NPU_IRQ_RAISED, which proves the wiring up to the core. */
void npu_raise_interrupt(npu* device);

/** Reads the error registers. NPU_OK, also when there is no error (code NPU_ERROR_NONE). */
npu_result npu_error_read(const npu* device, npu_error_report* report);

/** Changes an access window; the NPU must be idle.
 *  NPU_BAD_ARGUMENT (index, null pointer or last < base): no register was written. */
npu_result npu_set_window(npu* device, uint32_t index, const npu_window* window);

/** Reads all performance counters, low halves first (which latches the high ones). */
void npu_counters_read(const npu* device, npu_counters* counters);

/** Sets all performance counters to zero. */
void npu_counters_clear(npu* device);

/* The same by ring: `ring` is 0, or 1 after npu_ring_open. With another number, or ring 1 before it was opened, all of
 * them do nothing: they return NPU_BAD_ARGUMENT, false or 0. For ring 0 they are what the functions above are. */

/** Programs ring 1 (NPU_BAD_ARGUMENT for `ring` 0, which npu_init starts), enables it and its two interrupts; what was
 *  submitted to it before is lost. npu_reset and npu_init close it again.
 *  NPU_BAD_ARGUMENT (as in npu_init): nothing was touched. NPU_NOT_CAPABLE: the device has one ring; nothing was
 *  written. NPU_RESET_FAILED: only the ring's control register was written. */
npu_result npu_ring_open(npu* device, uint32_t ring, const npu_ring_config* config);

/** Soft reset of one ring: clears its error; commands of it that have not completed are lost, also one that is running.
 *  The other ring goes on. Fence numbers and counters go on. NPU_RESET_FAILED as npu_reset. */
npu_result npu_ring_reset(npu* device, uint32_t ring);

/** Who is next when both rings wait: the larger of 0 to NPU_PRIORITY_MAX; equal ones in turn. Counts from the next
 *  boundary between commands on. NPU_BAD_ARGUMENT (ring or priority): no register was written. */
npu_result npu_ring_set_priority(npu* device, uint32_t ring, uint32_t priority);

npu_result npu_ring_submit(npu* device, uint32_t ring, const npu_command* commands, uint32_t count);
npu_result npu_ring_submit_fenced(npu* device, uint32_t ring, const npu_command* commands, uint32_t count,
                                  uint32_t* fence);
bool npu_ring_fence_reached(const npu* device, uint32_t ring, uint32_t fence);
npu_result npu_ring_wait_fence(npu* device, uint32_t ring, uint32_t fence, const npu_patience* patience);
npu_result npu_ring_error_read(const npu* device, uint32_t ring, npu_error_report* report);

/** Whether the ring stopped at a failing command. */
bool npu_ring_failed(const npu* device, uint32_t ring);

/** Reads the counters of one ring. NPU_BAD_ARGUMENT: `counters` as it was. */
npu_result npu_ring_counters_read(const npu* device, uint32_t ring, npu_ring_counters* counters);

/* Texts (npu_text.c). Never null; unknown values give "unknown". */
const char* npu_result_text(npu_result result);
const char* npu_missing_text(npu_missing missing);
const char* npu_error_name(uint32_t code);
const char* npu_error_text(uint32_t code);
const char* npu_opcode_name(uint32_t opcode);
const char* npu_engine_name(uint32_t engine);
const char* npu_format_name(uint32_t format);

#ifdef __cplusplus
}
#endif

#endif
