#include "platform/cli/program.h"

#include <fmt/format.h>

#include <cmath>
#include <cstdlib>
#include <sstream>
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

/// What CLI11 lets pass: a minus before an unsigned number, which wraps, and a NaN, which is in every range.
void refuse_odd_numbers(CLI::App& command) {
  const auto no_minus = [](const std::string& text) { return text.starts_with('-') ? text + " is negative" : ""; };
  const auto no_nan = [](const std::string& text) {
    return std::isnan(std::strtod(text.c_str(), nullptr)) ? text + " is no number" : "";
  };
  for (CLI::Option* option : command.get_options([](CLI::Option*) { return true; })) {
    const std::string type = option->get_type_name();
    if (type.starts_with("UINT")) option->check(no_minus);
    if (type.starts_with("FLOAT")) option->check(no_nan);
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
    refuse_odd_numbers(*sub);
  }
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version
    return guarded([&] {
      std::ostringstream text;
      const int code = app.exit(success, text);
      fmt::print("{}", text.str());
      return code;
    });
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
