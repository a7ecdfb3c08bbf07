// What a command of the program is: a row of the table in commands.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

namespace backboard {

/// Exit codes of the program. README and docs/cli.md promise them.
enum ExitCode : int {
  kExitPassed = 0,
  kExitFailed = 1,         ///< the guest failed, or an expectation did not hold
  kExitBadInput = 2,       ///< one line on stderr says what and where
  kExitInternalError = 3,  ///< a mistake of the program itself
};

/// Carries a command out and gives the exit code. Throws InputError for bad input.
using CommandAction = std::function<int()>;

/// A command. `declare` adds its options to `app` and returns what to do when the command was chosen; what the options
/// write to must live in the action (std::make_shared of a struct of options).
struct Command {
  const char* name;
  const char* help;
  CommandAction (*declare)(CLI::App& app);
};

}  // namespace backboard
