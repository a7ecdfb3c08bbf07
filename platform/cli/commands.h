// Every command of the program, in one explicit table.
#pragma once

#include <span>

#include "platform/cli/command.h"

namespace backboard {

/// In the order of `backboard --help`.
std::span<const Command> commands();

CommandAction declare_bench(CLI::App& app);
CommandAction declare_check(CLI::App& app);
CommandAction declare_divergence(CLI::App& app);
CommandAction declare_dram_trace(CLI::App& app);
CommandAction declare_dump(CLI::App& app);
CommandAction declare_exec(CLI::App& app);
CommandAction declare_experiment(CLI::App& app);
CommandAction declare_explain(CLI::App& app);
CommandAction declare_pack(CLI::App& app);
CommandAction declare_plan(CLI::App& app);
CommandAction declare_regs(CLI::App& app);
CommandAction declare_run(CLI::App& app);
CommandAction declare_search(CLI::App& app);
CommandAction declare_schema(CLI::App& app);

}  // namespace backboard
