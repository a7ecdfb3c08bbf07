/* Are the run block and the data sets sound, and do all parts of the run lie apart in memory? */
#ifndef FIRMWARE_RUNTIME_RUN_CHECK_H
#define FIRMWARE_RUNTIME_RUN_CHECK_H

#include "drivers/plan/data_format.h"
#include "drivers/plan/run_block.h"
#include "firmware/runtime/plan_check.h"

#ifdef __cplusplus
extern "C" {
#endif

/** A checked data set and the images of it that are used. */
typedef struct data_view {
  const data_header* header; /**< null: not given */
  region place;
  uint32_t images_address; /**< of image 0 */
  const uint8_t* labels;   /**< of image 0 */
  uint32_t label_bytes;    /**< of each: 1, or 2, the low one first */
  uint32_t first, count;   /**< images used */
} data_view;

/** Class of an image of the data set, counted from its first. */
uint32_t data_label(const data_view* data, uint32_t image);

/** Checks the run block at `address` by itself. Reads only what lies in DRAM; writes nothing.
 *  RUN_ERROR_NONE, NO_RUN_BLOCK, or a RUN_ERROR_RUN_ code. */
run_error run_check(uint32_t address, const memory_limits* limits);

/** Checks the data set at `address` against the plan and fills `view` with images [first, first + count), count 0: all
 *  from `first` on. Reads nothing outside the data set; writes nothing but `view`. RUN_ERROR_NONE or a RUN_ERROR_DATA_
 *  code. */
run_error data_check(uint32_t address, uint32_t size_bytes, uint32_t first, uint32_t count, const plan_view* plan,
                     const memory_limits* limits, data_view* view);

/** Whether what is written (image, arena, result) meets nothing else of the run. RUN_ERROR_NONE or RUN_OVERLAP. */
run_error overlap_check(uint32_t run_address, const plan_view* plan, const data_view* train, const data_view* eval,
                        const memory_limits* limits);

#ifdef __cplusplus
}
#endif

#endif
