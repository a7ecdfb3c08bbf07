// backboard regs [BLOCK] [--format markdown|svd|c]
#include <fmt/format.h>

#include <memory>

#include "platform/check/input_error.h"
#include "platform/cli/commands.h"
#include "platform/config/suggest.h"
#include "platform/regs/writers.h"

namespace backboard {
namespace {

struct RegsOptions {
  std::string block;
  std::string format = "markdown";
};

std::span<const PlacedBlock> chosen_blocks(const std::string& name) {
  if (name.empty()) return all_blocks();
  if (const PlacedBlock* placed = find_block(name)) return {placed, 1};
  std::vector<std::string> known;
  for (const PlacedBlock& placed : all_blocks()) known.emplace_back(placed.block->name);
  throw InputError("regs: unknown block '" + name + "'" + suggestion(name, known));
}

int print_registers(const RegsOptions& options) {
  const auto blocks = chosen_blocks(options.block);
  if (options.format == "svd") {
    fmt::print("{}", registers_as_svd(blocks));
  } else if (options.format == "c") {
    fmt::print("{}", registers_as_c_header(blocks));
  } else {
    fmt::print("{}", registers_as_markdown(blocks));
  }
  return kExitPassed;
}

}  // namespace

CommandAction declare_regs(CLI::App& app) {
  auto options = std::make_shared<RegsOptions>();
  app.add_option("BLOCK", options->block, "Block; all blocks when absent");
  app.add_option("--format", options->format, "markdown, svd (CMSIS-SVD) or c (header)")
      ->check(CLI::IsMember({"markdown", "svd", "c"}))
      ->capture_default_str();
  return [options] { return print_registers(*options); };
}

}  // namespace backboard
