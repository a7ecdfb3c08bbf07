#include "platform/cli/host_options.h"

namespace backboard {
namespace {

/// One row an option: declared, and looked at, from here.
struct HostOption {
  const char* name;
  std::string HostOptions::*value;
  const char* description;
};

constexpr HostOption kOptions[] = {
    {"--gdb", &HostOptions::gdb, "Wait for gdb on [HOST:]PORT (loopback) or unix:PATH before the first instruction"},
    {"--trace", &HostOptions::trace, "Write every instruction; with --gdb, from `monitor trace on`"},
    {"--uart", &HostOptions::uart, "The UART's other end: stdio, file:PATH, pty, [HOST:]PORT (loopback) or unix:PATH"},
    {"--uart-input", &HostOptions::uart_input, "Bytes of a file come in, in place of those of --uart"},
    {"--uart-log", &HostOptions::uart_log, "Write what comes in, with instruction count and time"},
    {"--uart-replay", &HostOptions::uart_replay, "What comes in is read from such a log"},
    {"--semihosting-dir", &HostOptions::files, "The guest may read and write files below this folder; off when absent"},
};

}  // namespace

void declare_host_options(CLI::App& app, HostOptions& options) {
  for (const HostOption& option : kOptions) app.add_option(option.name, options.*option.value, option.description);
}

bool wants_host(const HostOptions& options) {
  for (const HostOption& option : kOptions) {
    if (!(options.*option.value).empty()) return true;
  }
  return false;
}

}  // namespace backboard
