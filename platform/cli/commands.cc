#include "platform/cli/commands.h"

namespace backboard {
namespace {

// A new command is a function `CommandAction declare_...(CLI::App&)` and a row here.
constexpr Command kCommands[] = {
    {"run", "Run a training, or any firmware, on a configured board", declare_run},
    {"experiment", "Run experiments: ours beside published figures", declare_experiment},
    {"search", "Look for widths or thresholds by running the platform", declare_search},
    {"exec", "Run any bare-metal RISC-V program on a board", declare_exec},
    {"plan", "Compile a network to a training plan", declare_plan},
    {"pack", "Pack images and labels into a data file", declare_pack},
    {"dump", "Print what a plan, data file, weight file or flash image holds", declare_dump},
    {"dram-trace", "Play a memory trace into the command-level DRAM model", declare_dram_trace},
    {"divergence", "Find the first tensor at which two recorded runs part", declare_divergence},
    {"check", "Validate a file and print its effective configuration", declare_check},
    {"explain", "Explain a key of a file: meaning, unit, default, range", declare_explain},
    {"schema", "Print the JSON Schema of a kind of file", declare_schema},
    {"regs", "Print the registers of the board", declare_regs},
    {"bench", "Measure the simulator on this machine", declare_bench},
};

}  // namespace

std::span<const Command> commands() {
  return kCommands;
}

}  // namespace backboard
