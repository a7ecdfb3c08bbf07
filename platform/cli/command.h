// What a command of the program is: a row of the table in commands.cc.
#pragma once

#include <CLI/CLI.hpp>
#include <functional>

#include "platform/run/exit_code.h"

namespace backboard {

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
