// What the program does with its process: fatal signals, Ctrl-C, a limit of memory, the terminal.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace backboard {

/// BB_CHECK's abort, and signals that only a mistake of the program raises, end the process with kExitInternalError.
void install_fatal_handlers();

/// From now on the first SIGINT or SIGTERM calls `stop` (signal-safe) and sets `interrupted()`; the second ends the
/// process at once. With nullptr only the flag is set.
void install_stop_handlers(void (*stop)());
/// Whether a stop was asked for.
bool interrupted();

/// Limits the address space of this process; allocations beyond it throw std::bad_alloc.
void limit_memory(uint64_t bytes);
/// The same for the value of --max-memory ("4 GiB"); nothing when it is empty. Throws InputError.
void apply_memory_limit(const std::string& size);

/// Prints "backboard: KIND TEXT" as one line on stderr.
void print_error(const char* kind, std::string text);

/// Does `action`: InputError and missing memory end in one line and kExitBadInput, other exceptions in
/// kExitInternalError.
int guarded(const std::function<int()>& action);

/// Whether stderr is a terminal: progress goes nowhere else.
bool progress_wanted();

}  // namespace backboard
