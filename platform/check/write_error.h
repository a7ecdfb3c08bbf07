// Errors of files that the program writes.
#pragma once

#include <cerrno>
#include <cstring>
#include <string>

#include "platform/check/input_error.h"

namespace backboard {

/// "PATH: cannot be written: REASON", the reason that of `number` (errno.h).
inline InputError write_error(const std::string& path, int number = errno) {
  return InputError(fmt::format("{}: cannot be written: {}", path, std::strerror(number)));
}

}  // namespace backboard
