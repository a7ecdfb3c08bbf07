// Semihosting calls of a bare-metal program: console, files, clock, exit.
#pragma once

#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "platform/cpu/core.h"
#include "platform/semihosting/guest_files.h"

namespace backboard {

/// Where a program's semihosting output goes.
enum class SemihostingStream : uint8_t { output, error };

/// "Semihosting for AArch32 and AArch64" (Arm), as RISC-V uses it:
///
/// - console: SYS_OPEN of ":tt", SYS_WRITEC, SYS_WRITE0, SYS_WRITE, SYS_ISTTY; reading it meets its end at once
/// - files, once a folder was named: SYS_OPEN, SYS_CLOSE, SYS_READ, SYS_WRITE, SYS_SEEK, SYS_FLEN, SYS_REMOVE,
/// SYS_RENAME
/// - SYS_ISERROR, SYS_ERRNO (numbers of Linux), SYS_GET_CMDLINE (empty), ":semihosting-features"
/// - time, all of it simulated: SYS_CLOCK, SYS_TIME (seconds since power-on), SYS_ELAPSED, SYS_TICKFREQ (nanoseconds)
/// - SYS_EXIT and SYS_EXIT_EXTENDED
///
/// SYS_SYSTEM is refused. It, file calls without a folder and operations that are not modelled return -1 and are
/// reported once each.
class Semihosting final : public SemihostingHandler {
 public:
  using Writer = std::function<void(SemihostingStream, std::string_view)>;
  /// `write` takes the guest's output, `report` one line for each operation that is not modelled.
  Semihosting(Writer write, std::function<void(const std::string&)> report)
      : write_(std::move(write)), report_(std::move(report)) {}

  SemihostingReply call(uint64_t operation, uint64_t parameter, unsigned word_bytes, uint64_t time_ps,
                        GuestMemory& memory) override;

  /// From now on the guest may work with files below `folder`: see GuestFiles. Throws InputError when it is none.
  void allow_files(const std::string& folder) { files_ = std::make_unique<GuestFiles>(folder); }
  /// Files that the guest holds open: what a saved state cannot hold.
  size_t open_files() const { return files_ ? files_->open_files() : 0; }

  /// The code with which the program ended, once it has.
  std::optional<int> exit_code() const { return exit_code_; }

 private:
  struct Arguments;
  struct Text;
  SemihostingReply open(const Arguments& arguments, GuestMemory& memory);
  SemihostingReply open_file(const std::string& name, uint64_t mode);
  std::optional<SemihostingReply> call_file(uint64_t operation, const Arguments& arguments, GuestMemory& memory);
  SemihostingReply read_file(const Arguments& arguments, GuestMemory& memory);
  SemihostingReply write_file(const Arguments& arguments, GuestMemory& memory);
  SemihostingReply file_error(int error) {
    return error == 0 ? SemihostingReply{} : fail(static_cast<uint64_t>(error));
  }
  void refuse(uint64_t operation, const std::string& why);
  SemihostingReply write_handle(const Arguments& arguments, GuestMemory& memory);
  SemihostingReply write_string(uint64_t address, GuestMemory& memory);
  SemihostingReply exit_simple(uint64_t reason);
  SemihostingReply fail(uint64_t error);

  Writer write_;
  std::function<void(const std::string&)> report_;
  std::set<uint64_t> reported_;
  std::optional<int> exit_code_;
  uint64_t errno_ = 0;
  std::unique_ptr<GuestFiles> files_;
  std::optional<uint64_t> features_at_;  ///< position in ":semihosting-features", when it is open
};

}  // namespace backboard
