#include "platform/run/process.h"

#include <sys/resource.h>
#include <unistd.h>

#include <fmt/format.h>

#include <cctype>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <new>
#include <system_error>

#include "platform/check/input_error.h"
#include "platform/check/lost_output.h"
#include "platform/config/quantity.h"
#include "platform/run/exit_code.h"

namespace backboard {
namespace {

volatile std::sig_atomic_t stop_signals = 0;
void (*stop_function)() = nullptr;

extern "C" void on_fatal(int number) {
  if (number != SIGABRT) {  // BB_CHECK has printed its line already
    static constexpr char kText[] = "internal error: the program received a fatal signal\n";
    [[maybe_unused]] const ssize_t written = write(STDERR_FILENO, kText, sizeof kText - 1);
  }
  _exit(kExitInternalError);
}

extern "C" void on_stop(int number) {
  if (stop_signals != 0) {
    std::signal(number, SIG_DFL);
    raise(number);
    return;
  }
  stop_signals = 1;
  if (stop_function) stop_function();
}

void handle(int number, void (*handler)(int), int flags) {
  struct sigaction action;
  std::memset(&action, 0, sizeof action);
  action.sa_handler = handler;
  action.sa_flags = flags;
  sigaction(number, &action, nullptr);
}

}  // namespace

void install_fatal_handlers() {
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL}) {
    handle(number, on_fatal, static_cast<int>(SA_RESETHAND));
  }
}

void install_stop_handlers(void (*stop)()) {
  stop_function = stop;
  handle(SIGINT, on_stop, SA_NODEFER);
  handle(SIGTERM, on_stop, SA_NODEFER);
}

bool interrupted() {
  return stop_signals != 0;
}

void limit_memory(uint64_t bytes) {
  const rlimit limit{bytes, bytes};
  setrlimit(RLIMIT_AS, &limit);
}

void apply_memory_limit(const std::string& size) {
  if (size.empty()) return;
  const QuantityResult bytes = parse_quantity(size, byte_units());
  if (!bytes.value) throw InputError("--max-memory " + size + ": " + bytes.error);
  limit_memory(*bytes.value);
}

// One line of text, whatever a library says or a file holds; without a place to print it, the exit code must do.
void print_error(const char* kind, std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) c = std::iscntrl(static_cast<unsigned char>(c)) ? ' ' : c;
  std::fflush(stdout);
  std::fputs(fmt::format("backboard: {}{}\n", kind, text).c_str(), stderr);
}

int guarded(const std::function<int()>& action) {
  try {
    const int code = action();
    if (const std::string lost = lost_output(stdout); !lost.empty()) throw InputError("standard output: " + lost);
    return code;
  } catch (const InputError& error) {
    print_error("error: ", error.what());
    return kExitBadInput;
  } catch (const std::system_error& error) {  // of a folder, of a thread, or of printing
    const bool printing = std::ferror(stdout) != 0 || std::ferror(stderr) != 0;
    print_error("error: ", printing ? "standard output: cannot be written: " + error.code().message() : error.what());
    return kExitBadInput;
  } catch (const std::bad_alloc&) {
    print_error("error: ", "not enough memory (see --max-memory)");
    return kExitBadInput;
  } catch (const std::exception& error) {
    print_error("internal error: ", error.what());
    return kExitInternalError;
  }
}

bool progress_wanted() {
  return isatty(STDERR_FILENO) == 1;
}

}  // namespace backboard
