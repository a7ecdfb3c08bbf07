// Errors of the author of an input file: YAML, ELF, plan, data, trace.
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <stdexcept>
#include <string>

namespace backboard {

/// Bad input. `what()` is one line, `PLACE: MESSAGE`, where PLACE is `file:line` or `file: offset 0xN`.
/// The command line prints it and exits with 2; it never carries a stack trace.
class InputError : public std::runtime_error {
 public:
  explicit InputError(const std::string& line) : std::runtime_error(line) {}

  /// An error at a line of a text file.
  static InputError at_line(const std::string& file, unsigned line, const std::string& message) {
    return InputError(fmt::format("{}:{}: {}", file, line, message));
  }
  /// An error at a byte offset of a binary file.
  static InputError at_offset(const std::string& file, uint64_t offset, const std::string& message) {
    return InputError(fmt::format("{}: offset {:#x}: {}", file, offset, message));
  }
};

}  // namespace backboard
