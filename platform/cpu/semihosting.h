// Semihosting calls that a bare-metal program needs to speak and to end: console, exit, clock.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "platform/cpu/core.h"

namespace backboard {

/// Where a program's semihosting output goes.
enum class SemihostingStream : uint8_t { output, error };

/// Arm semihosting specification, as RISC-V uses it: SYS_OPEN of ":tt", SYS_CLOSE, SYS_WRITEC, SYS_WRITE0, SYS_WRITE,
/// SYS_ISTTY, SYS_ERRNO, SYS_CLOCK (simulated centiseconds), SYS_EXIT and SYS_EXIT_EXTENDED. Files, input and the
/// other operations are not modelled: they return -1 and are reported once each.
class ConsoleSemihosting final : public SemihostingHandler {
 public:
  using Writer = std::function<void(SemihostingStream, std::string_view)>;
  /// `write` takes the guest's output, `report` one line for each operation that is not modelled.
  ConsoleSemihosting(Writer write, std::function<void(const std::string&)> report)
      : write_(std::move(write)), report_(std::move(report)) {}

  SemihostingReply call(uint64_t operation, uint64_t parameter, unsigned word_bytes, uint64_t time_ps,
                        GuestMemory& memory) override;

  /// The code with which the program ended, once it has.
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  struct Arguments;
  SemihostingReply open(const Arguments& arguments, GuestMemory& memory);
  SemihostingReply write_handle(const Arguments& arguments, GuestMemory& memory);
  SemihostingReply write_string(uint64_t address, GuestMemory& memory);
  SemihostingReply exit_simple(uint64_t reason);
  SemihostingReply fail(uint64_t error);

  Writer write_;
  std::function<void(const std::string&)> report_;
  std::set<uint64_t> reported_;
  std::optional<int> exit_code_;
  uint64_t errno_ = 0;
};

}  // namespace backboard
