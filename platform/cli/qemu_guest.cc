#include "platform/cli/qemu_guest.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <vector>

#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/config/atomic_file.h"

namespace backboard {
namespace {

constexpr const char* kQemu = "qemu-system-riscv32";

double seconds_of(const timeval& time) {
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
}

/// A file that goes away with the object.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::span<const uint8_t> bytes)
      : path_(std::filesystem::temp_directory_path() / fmt::format("backboard-bench-{}.elf", getpid())) {
    write_file_atomically(path_, bytes);
  }
  ~TemporaryFile() { unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

/// Becomes QEMU, with nothing as input and `output` as output. Does not return.
[[noreturn]] void become_qemu(const std::vector<std::string>& arguments, int output) {
  std::vector<char*> pointers;
  for (const std::string& argument : arguments) pointers.push_back(const_cast<char*>(argument.c_str()));
  pointers.push_back(nullptr);
  const int nothing = open("/dev/null", O_RDWR);
  dup2(nothing, STDIN_FILENO);
  dup2(output, STDOUT_FILENO);
  execvp(kQemu, pointers.data());
  _exit(127);
}

}  // namespace

bool qemu_installed() {
  const char* path = std::getenv("PATH");
  const std::string folders = path ? path : "";
  for (size_t first = 0; first <= folders.size();) {
    const size_t last = std::min(folders.find(':', first), folders.size());
    const std::string file = folders.substr(first, last - first) + "/" + kQemu;
    if (access(file.c_str(), X_OK) == 0) return true;
    first = last + 1;
  }
  return false;
}

QemuRun run_in_qemu(std::span<const uint8_t> elf, uint64_t address, uint64_t value) {
  const TemporaryFile file(elf);
  const std::vector<std::string> arguments{
      kQemu,     "-M",        "virt",    "-bios",
      "none",    "-icount",   "shift=0", "-nographic",
      "-kernel", file.path(), "-device", fmt::format("loader,addr={:#x},data={},data-len=8", address, value)};
  int ends[2];
  BB_CHECK(pipe(ends) == 0, "{}", std::strerror(errno));
  const pid_t child = fork();
  BB_CHECK(child >= 0, "{}", std::strerror(errno));
  if (child == 0) become_qemu(arguments, ends[1]);
  close(ends[1]);
  QemuRun run;
  char buffer[256];
  for (ssize_t count = 0; (count = read(ends[0], buffer, sizeof buffer)) > 0;) {
    run.output.append(buffer, static_cast<size_t>(count));
  }
  close(ends[0]);
  int status = 0;
  rusage usage{};
  BB_CHECK(wait4(child, &status, 0, &usage) == child, "{}", std::strerror(errno));
  if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
    throw InputError(fmt::format("bench: {} ended with status {:#x}: {}", kQemu, status, run.output));
  }
  run.cpu_seconds = seconds_of(usage.ru_utime) + seconds_of(usage.ru_stime);
  return run;
}

}  // namespace backboard
