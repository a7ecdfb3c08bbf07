#include "platform/cli/program.h"

#include <fmt/format.h>

#include <cstdio>
#include <new>
#include <vector>

#include "platform/check/input_error.h"
#include "platform/cli/command.h"
#include "platform/cli/commands.h"

#ifndef BACKBOARD_VERSION
#error "BACKBOARD_VERSION comes from the build"
#endif

namespace backboard {
namespace {

constexpr const char* kVersion = "backboard " BACKBOARD_VERSION;

// One line, whatever a library says.
void print_error(const char* kind, std::string text) {
  while (!text.empty() && text.back() == '\n') text.pop_back();
  for (char& c : text) c = c == '\n' ? ' ' : c;
  std::fflush(stdout);
  fmt::print(stderr, "backboard: {}{}\n", kind, text);
}

int act(const CommandAction& action) {
  try {
    const int code = action();
    if (std::fflush(stdout) != 0) throw InputError("standard output: cannot be written");
    return code;
  } catch (const InputError& error) {
    print_error("error: ", error.what());
    return kExitBadInput;
  } catch (const std::bad_alloc&) {
    print_error("error: ", "not enough memory (see --max-memory)");
    return kExitBadInput;
  } catch (const std::exception& error) {
    print_error("internal error: ", error.what());
    return kExitInternalError;
  }
}

}  // namespace

int run_program(int argc, char** argv) {
  CLI::App app(
      "Backboard: a virtual board for training on the edge. Models an SoC with a training NPU and runs its "
      "bare-metal firmware.",
      "backboard");
  app.set_version_flag("--version", kVersion);
  app.require_subcommand(1);
  app.footer("Exit codes: 0 passed, 1 the guest failed or an expectation did not hold, 2 bad input, 3 internal error.");
  std::vector<std::pair<CLI::App*, CommandAction>> declared;
  for (const Command& command : commands()) {
    CLI::App* sub = app.add_subcommand(command.name, command.help);
    sub->set_version_flag("--version", kVersion);
    declared.emplace_back(sub, command.declare(*sub));
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return app.exit(success);
  } catch (const CLI::ParseError& error) {
    print_error("error: ", std::string(error.what()) + " (see --help)");
    return kExitBadInput;
  }
  for (const auto& [sub, action] : declared) {
    if (sub->parsed()) return act(action);
  }
  return kExitBadInput;
}

}  // namespace backboard
