#include <fmt/format.h>
#include <fmt/ranges.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <ctime>
#include <optional>
#include <string>
#include <vector>

#include "firmware/bench/bench.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/cli/bench_programs.h"
#include "platform/cli/benchmarks.h"
#include "platform/cli/qemu_guest.h"
#include "platform/elf/elf_file.h"
#include "platform/run/board_session.h"
#include "platform/soc/board.h"

namespace backboard {
namespace {

/// One way to run the core: a column.
struct Mode {
  const char* name;
  JitUse jit = JitUse::automatic;
  bool caches = false;
  bool data = false;
  uint64_t quantum_ps = CoreConfig{}.quantum_ps;
  bool points = false;          ///< a breakpoint and a watchpoint are set that nothing meets
  const char* ratio = nullptr;  ///< name of the column that compares it with QEMU
};
constexpr uint64_t kNowhere = BENCH_ROUNDS_ADDRESS + 0x100000;  ///< in memory, where no program does anything
constexpr uint64_t kMicrosecondPs = 1'000'000;
constexpr Mode kModes[] = {
    {.name = "interp", .jit = JitUse::off, .ratio = "interp/qemu"},
    {.name = "interp 1us", .jit = JitUse::off, .quantum_ps = kMicrosecondPs},
    {.name = "jit", .ratio = "jit/qemu"},
    {.name = "jit 1us", .quantum_ps = kMicrosecondPs},
    {.name = "points", .points = true},
    {.name = "interp tags", .jit = JitUse::off, .caches = true},
    {.name = "tags", .caches = true, .ratio = "tags/qemu"},
    {.name = "data", .caches = true, .data = true},
};
constexpr unsigned kRepeats = 3;  ///< the fastest counts: whatever else the host does only makes it slower

/// What the child that ran a program tells.
struct BoardRun {
  double cpu_seconds = 0.0;
  uint64_t instructions = 0;
  bool passed = false;
  bool interrupted = false;
  char output[16] = {};  ///< what the program printed, zero-terminated
};

class Recorder final : public CharacterSink {
 public:
  explicit Recorder(BoardRun& run) : run_(run) {}
  void put(uint8_t byte, uint64_t) override {
    if (used_ + 1 < sizeof run_.output) run_.output[used_++] = static_cast<char>(byte);
  }

 private:
  BoardRun& run_;
  size_t used_ = 0;
};

double cpu_seconds() {
  timespec time{};
  clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) * 1e-9;
}

/// What lies at BENCH_ROUNDS_ADDRESS: the rounds, and the kernel behind them.
uint64_t order(const BenchProgram& program, uint32_t rounds) {
  static_assert(BENCH_KERNEL_ADDRESS == BENCH_ROUNDS_ADDRESS + sizeof rounds);
  return uint64_t{program.kernel} << 32 | rounds;
}

BoardRun run_on_board(const BenchProgram& program, const Mode& mode, uint32_t rounds) {
  BoardRun run;
  Recorder output(run);
  BoardConfig config;
  config.core.code_cache.enabled = config.core.data_cache.enabled = mode.caches;
  config.core.code_cache.data = config.core.data_cache.data = mode.data;
  config.core.jit = mode.jit;
  config.core.quantum_ps = mode.quantum_ps;
  Board board(config, {output, output});
  const ElfFile elf = ElfFile::parse({program.elf.begin(), program.elf.end()}, program.name);
  board.load(elf, program.name);
  const uint64_t what = order(program, rounds);
  uint8_t bytes[sizeof what];
  std::memcpy(bytes, &what, sizeof what);
  BB_CHECK(board.write_memory(BENCH_ROUNDS_ADDRESS, bytes), "the default board has no DRAM there");
  if (mode.points) {
    board.core().set_breakpoints({kNowhere});
    board.core().set_watchpoints({{kNowhere, kNowhere + 3, WatchKind::access}});
  }
  board.start(elf.entry());
  const double start = cpu_seconds();
  const SessionResult result = run_session(board, {});
  run.cpu_seconds = cpu_seconds() - start;
  run.instructions = board.core().statistics().instructions;
  run.passed = result.board.exit_code == 0;
  run.interrupted = result.interrupted;
  return run;
}

/// The same in a child process: one board a process.
BoardRun run_in_child(const BenchProgram& program, const Mode& mode, uint32_t rounds) {
  int ends[2];
  BB_CHECK(pipe(ends) == 0, "{}", std::strerror(errno));
  const pid_t child = fork();
  BB_CHECK(child >= 0, "{}", std::strerror(errno));
  if (child == 0) {
    const BoardRun run = run_on_board(program, mode, rounds);
    _exit(write(ends[1], &run, sizeof run) == sizeof run ? 0 : 1);
  }
  close(ends[1]);
  BoardRun run;
  const ssize_t received = read(ends[0], &run, sizeof run);
  close(ends[0]);
  int status = 0;
  waitpid(child, &status, 0);
  BB_CHECK(received == sizeof run && WIFEXITED(status) && WEXITSTATUS(status) == 0,
           "the measuring process ended with {:#x}", status);
  return run;
}

double mips(uint64_t instructions, double seconds) {
  return static_cast<double>(instructions) / seconds / 1e6;
}

/// Guest MIPS under QEMU: what the rounds take beyond a run of one round, for QEMU needs a while to start. A program
/// that takes less than kLeastSeconds runs more rounds there, for a short time differs from run to run.
class QemuColumn {
 public:
  /// What the board's runs of one round and of all rounds told.
  QemuColumn(const BenchProgram& program, const BoardRun& one, const BoardRun& all)
      : program_(program), rounds_(program.rounds), one_(one), all_(all) {}
  /// False: Ctrl-C.
  bool repeat() {
    shortest_ = std::min(shortest_, seconds(1, one_));
    double longest = seconds(rounds_, all_);
    const double taken = longest - shortest_;
    if (longest_ == kNever && taken < kLeastSeconds) {
      if (!lengthen(std::ceil(kLeastSeconds / std::max(taken, kLeastSeconds / kMostTimes)))) return false;
      longest = seconds(rounds_, all_);
    }
    longest_ = std::min(longest_, longest);
    return true;
  }
  double value() const { return mips(all_.instructions - one_.instructions, std::max(longest_ - shortest_, 1e-6)); }

 private:
  static constexpr double kLeastSeconds = 0.4, kMostTimes = 64, kNever = 1e9;

  double seconds(uint32_t rounds, const BoardRun& expected) const {
    const QemuRun run = run_in_qemu(program_.elf, BENCH_ROUNDS_ADDRESS, order(program_, rounds));
    if (run.output != expected.output) {
      throw InputError(
          fmt::format("bench: {}: QEMU printed '{}', the board '{}'", program_.name, run.output, expected.output));
    }
    return run.cpu_seconds;
  }
  /// So many times the rounds; the board runs them once, to tell what is right.
  bool lengthen(double times) {
    rounds_ = static_cast<uint32_t>(std::min(rounds_ * times, double{UINT32_MAX}));
    all_ = run_in_child(program_, Mode{.name = "jit"}, rounds_);
    if (all_.interrupted) return false;
    BB_CHECK(all_.passed, "{}: {}", program_.name, all_.output);
    return true;
  }

  const BenchProgram& program_;
  uint32_t rounds_;
  BoardRun one_, all_;
  double shortest_ = kNever, longest_ = kNever;
};

/// All columns of one program, measured in turns so that a host that slows down slows all of them. False: Ctrl-C.
bool measure_program(const BenchProgram& program, const std::vector<Mode>& modes, bool with_qemu,
                     std::vector<Measurement>& table) {
  const BoardRun one = run_in_child(program, modes[0], 1);
  std::optional<QemuColumn> qemu;
  std::optional<BoardRun> first;
  std::vector<double> best(modes.size());
  for (unsigned repeat = 0; repeat < kRepeats; ++repeat) {
    for (size_t i = 0; i < modes.size(); ++i) {
      const BoardRun run = run_in_child(program, modes[i], program.rounds);
      if (run.interrupted) return false;
      if (!first) first = run;
      BB_CHECK(run.passed && std::strcmp(run.output, first->output) == 0, "{}: {}", program.name, run.output);
      best[i] = std::max(best[i], mips(run.instructions, run.cpu_seconds));
    }
    if (!with_qemu) continue;
    if (!qemu) qemu.emplace(program, one, *first);
    if (!qemu->repeat()) return false;
  }
  const auto add = [&](const char* column, double value, const char* unit) {
    table.push_back({program.name, value, unit, "", column});
  };
  for (size_t i = 0; i < modes.size(); ++i) add(modes[i].name, best[i], "MIPS");
  if (!qemu) return true;
  add("qemu", qemu->value(), "MIPS");
  for (size_t i = 0; i < modes.size(); ++i) {
    if (modes[i].ratio) add(modes[i].ratio, best[i] / qemu->value(), "x");
  }
  return true;
}

/// Those of `rows` whose name is one of `wanted`; all when nothing is.
template <class Rows>
auto chosen(const Rows& rows, const std::vector<std::string>& wanted, const char* what) {
  std::vector<std::decay_t<decltype(*std::begin(rows))>> result;
  std::vector<std::string> known;
  for (const auto& row : rows) {
    known.emplace_back(row.name);
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), row.name) != wanted.end()) result.push_back(row);
  }
  for (const std::string& name : wanted) {
    if (std::find(known.begin(), known.end(), name) == known.end()) {
      throw InputError(fmt::format("bench: unknown {} '{}'; known: {}", what, name, fmt::join(known, ", ")));
    }
  }
  return result;
}

}  // namespace

std::vector<Measurement> measure_core(const BenchOptions& options) {
  const std::vector<Mode> modes = chosen(kModes, options.ways, "way");
  std::vector<BenchProgram> programs = chosen(bench_programs(), options.programs, "program");
  if (options.programs.empty()) {
    std::erase_if(programs, [&](const BenchProgram& program) { return program.more != options.more; });
  }
  const bool with_qemu = qemu_installed();
  if (!with_qemu) fmt::print(stderr, "bench: qemu-system-riscv32 (Debian: qemu-system-misc) is not installed\n");
  std::vector<Measurement> table;
  for (const BenchProgram& program : programs) {
    if (!measure_program(program, modes, with_qemu, table)) break;
  }
  return table;
}

}  // namespace backboard
