// BB_CHECK: errors of the programmer of Backboard, tested in every build. Guests, users and files never reach it.
#pragma once

#include <fmt/format.h>

#include <cstdio>
#include <cstdlib>
#include <string>

namespace backboard {

/// Prints an internal error with its place and ends the process with exit code 3 semantics (abort in tests).
[[noreturn]] inline void check_failed(const char* file, int line, const char* condition, const std::string& values) {
  fmt::print(stderr, "{}:{}: internal error: {} does not hold{}{}\n", file, line, condition, values.empty() ? "" : ": ",
             values);
  std::fflush(nullptr);
  std::abort();
}

}  // namespace backboard

/// Aborts with a message unless `condition` holds. Further arguments are a fmt format string and its values.
#define BB_CHECK(condition, ...)                                                                \
  do {                                                                                          \
    if (!(condition)) [[unlikely]]                                                              \
      ::backboard::check_failed(__FILE__, __LINE__, #condition, ::fmt::format("" __VA_ARGS__)); \
  } while (false)
