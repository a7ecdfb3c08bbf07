/* Exit codes of the training firmware (run_error.def). C11 and C++. */
#ifndef DRIVERS_RUN_ERROR_H
#define DRIVERS_RUN_ERROR_H

typedef enum run_error {
#define RUN_ERROR(name, code, description) RUN_ERROR_##name = code,
#include "drivers/plan/run_error.def"
} run_error;

#endif
