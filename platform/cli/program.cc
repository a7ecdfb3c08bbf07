#include "platform/cli/program.h"

#include <fmt/format.h>

#include <vector>

#include "platform/cli/command.h"
#include "platform/cli/commands.h"
#include "platform/run/process.h"

#ifndef BACKBOARD_VERSION
#error "BACKBOARD_VERSION comes from the build"
#endif

namespace backboard {
namespace {

constexpr const char* kVersion = "backboard " BACKBOARD_VERSION;

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
    if (sub->parsed()) return guarded(action);
  }
  return kExitBadInput;
}

}  // namespace backboard
