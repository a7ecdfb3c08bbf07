/* What a run prints: one line for each thing that happened. */
#ifndef FIRMWARE_RUNTIME_REPORT_H
#define FIRMWARE_RUNTIME_REPORT_H

#include "firmware/runtime/session.h"

#ifdef __cplusplus
extern "C" {
#endif

/** Longest text of report_fixed with its zero. */
#define REPORT_FIXED_BYTES 24u

/** Writes `value` with `digits` (0 to 6) decimals, rounded half up, into `text` (REPORT_FIXED_BYTES) and returns it; at
 *  2^32 and above: ">4294967295"; "nan" where it is none. Without double arithmetic, which the core lacks. */
const char* report_fixed(char* text, float value, unsigned digits);

/** Hits in percent of all: 0 when there are none. */
float report_percent(uint32_t correct, uint32_t total);

const char* run_error_text(run_error error);

/** Engine, plan, data and settings of a run. */
void report_start(const session* s);

/** "before: accuracy 565/897 62.99 %". */
void report_accuracy(const char* when, uint32_t correct, uint32_t total);

/** The line of an epoch. `correct` is UINT32_MAX when it was not evaluated. */
void report_epoch(const session* s, uint32_t epoch, float mean_loss, float learning_rate, uint32_t correct);

/** The one line of a failure: code, text, and for the NPU which command and why. */
void report_failure(const session* s, run_error error);

#ifdef __cplusplus
}
#endif

#endif
