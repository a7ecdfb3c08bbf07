// backboard exec ELF: any bare-metal program on a board.
#include <fmt/format.h>

#include <memory>

#include "platform/cli/commands.h"
#include "platform/cli/host_options.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "platform/run/board_session.h"
#include "platform/run/process.h"
#include "platform/soc/board.h"

namespace backboard {
namespace {

struct ExecOptions {
  std::string elf;
  std::string platform;
  std::vector<std::string> set;
  std::string stats, signature;
  uint64_t max_instructions = 0;
  uint32_t max_resets = kResetLimit;
  std::string max_memory;
  HostOptions host;
};

/// The core is that of the ELF's class where nothing says which.
BoardConfig board_config(const ExecOptions& options, unsigned elf_width_bits) {
  YamlNode root = YamlNode::mapping();
  if (!options.platform.empty()) root = load_yaml(options.platform);
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  apply_overrides(root, overrides);
  const YamlNode* core = root.find("core");
  const bool says_isa = core && (core->kind != YamlNode::Kind::mapping || core->find("isa"));
  if (elf_width_bits == 64 && !says_isa) {
    const Overrides::Item item = parse_override("core.isa=rv64imafdc", options.elf);
    apply_overrides(root, {&item, 1});
  }
  return config_from<BoardConfig>(root);
}

// The memory between the symbols begin_signature and end_signature, one 32-bit word in hexadecimal a line: the form
// that riscv-arch-test compares.
std::string signature_text(Board& board, const ElfFile& elf, const std::string& file) {
  const auto begin = elf.symbol("begin_signature");
  const auto end = elf.symbol("end_signature");
  if (!begin || !end || *end < *begin) throw InputError(file + ": has no symbols begin_signature and end_signature");
  std::vector<uint8_t> bytes((*end - *begin + 3) / 4 * 4);
  if (!board.read_memory(*begin, bytes)) throw InputError(file + ": the signature does not lie in memory");
  std::string text;
  for (size_t i = 0; i < bytes.size(); i += 4) {
    text += fmt::format("{:02x}{:02x}{:02x}{:02x}\n", bytes[i + 3], bytes[i + 2], bytes[i + 1], bytes[i]);
  }
  return text;
}

int execute(const ExecOptions& options) {
  apply_memory_limit(options.max_memory);
  const ElfFile elf = ElfFile::load(options.elf);
  StreamSink console(stdout);
  HostLink host(options.host, options.host.uart.empty() ? &console : nullptr);
  Board board(board_config(options, elf.width_bits()), {host, console});
  board.findings().set_printer([](const std::string& line) { fmt::print(stderr, "{}\n", line); });
  board.load(elf, options.elf);
  if (options.max_instructions != 0) board.set_instruction_limit(options.max_instructions);
  board.set_reset_limit(options.max_resets);
  board.start(elf.entry());
  const SessionResult result = run_session(board, {}, &host);
  console.flush();
  if (!options.stats.empty()) write_file_atomically(options.stats, board.stats().json());
  if (!options.signature.empty()) write_file_atomically(options.signature, signature_text(board, elf, options.elf));
  const bool passed = result.board.exit_code == 0 && !result.interrupted;
  if (!passed) fmt::print(stderr, "backboard: {}: {}\n", options.elf, result.board.reason);
  return passed ? kExitPassed : kExitFailed;
}

}  // namespace

CommandAction declare_exec(CLI::App& app) {
  auto options = std::make_shared<ExecOptions>();
  app.add_option("ELF", options->elf, "Bare-metal RISC-V program, RV32 or RV64")->required();
  app.add_option("--platform", options->platform, "Board (configs/platforms); the default board when absent");
  app.add_option("--set", options->set, "Override KEY=VALUE of the board, as often as needed")->allow_extra_args(false);
  app.add_option("--stats", options->stats, "Write all statistics as JSON");
  app.add_option("--signature", options->signature, "Write memory from begin_signature to end_signature");
  app.add_option("--max-instructions", options->max_instructions, "End after so many instructions (a failure)");
  app.add_option("--max-resets", options->max_resets, "Resets by the program; one more ends it (a failure)")
      ->capture_default_str();
  app.add_option("--max-memory", options->max_memory, "Host memory, for example 4 GiB");
  declare_host_options(app, options->host);
  return [options] { return execute(*options); };
}

}  // namespace backboard
