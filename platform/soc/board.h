// The board: every model of the SoC built from one configuration, wired, loaded, run, saved and looked into.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "platform/cpu/core.h"
#include "platform/elf/elf_file.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding_log.h"
#include "platform/soc/board_config.h"
#include "platform/stats/stats_writer.h"
#include "platform/stats/traffic_table.h"
#include "platform/uart/character_sink.h"

namespace backboard {

class Flash;
class Uart;
namespace npu {
class NpuDevice;
}

/// Why `Board::run` returned.
enum class BoardStop : uint8_t {
  none,               ///< not stopped yet
  finisher,           ///< the test finisher: passed or failed with a code
  tohost,             ///< the tohost protocol
  semihosting,        ///< SYS_EXIT
  reset,              ///< the guest asked for a reset, and had used up the limit of resets
  watchdog,           ///< the watchdog's second expiry asked for one, and so
  instruction_limit,  ///< exactly that many instructions have retired
  time_limit,         ///< run_until's time was reached
  interrupted,        ///< request_stop: Ctrl-C
  lockup,             ///< the first instruction of the trap handler traps
  debugger,           ///< a breakpoint, a watchpoint or the end of a step: run goes on from there
  deadlock,           ///< the core waits for an interrupt and nothing is scheduled that could raise one
};
const char* name_of(BoardStop stop);

/// How a run ended. `exit_code`: 0 passed; else the guest's code, 1 where it gave none.
struct BoardResult {
  BoardStop stop = BoardStop::none;
  int exit_code = 1;
  std::string reason;  ///< one sentence for a person
  uint64_t time_ps = 0;
};

/// Runs a board up to a time: Board::run_until, or what stands before it.
using BoardRunner = std::function<BoardResult(uint64_t time_ps)>;

/// Where the guest's output goes. Both must outlive the board.
struct BoardOutput {
  CharacterSink& uart;         ///< bytes of the UART
  CharacterSink& semihosting;  ///< bytes of the semihosting console, output and error
};

/// The SoC. One board a process: SystemC elaborates once (a second one ends in an internal error).
/// Simulated time passes only in `run` and `run_until`; between calls everything can be read, written and saved.
class Board {
 public:
  /// Builds and wires the board. Throws InputError for what the configuration cannot mean (unknown engine, files that
  /// cannot be read).
  Board(const BoardConfig& config, BoardOutput output);
  ~Board();
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;

  /// Reads memory as a debugger: no time, no side effects, no statistics. False, with nothing promised about `bytes`,
  /// when an address does not answer.
  bool read_memory(uint64_t address, std::span<uint8_t> bytes);
  /// Writes memory in the same way; registers and the boot ROM refuse. Decoded instructions there are forgotten.
  bool write_memory(uint64_t address, std::span<const uint8_t> bytes);
  /// Takes `elf`, read from `path`, as the program that runs here, without loading it: findings name its functions and
  /// source lines, and a write to its symbol `tohost` ends the run. For a board that `restore` fills; `load` does it
  /// too. Throws InputError, naming `path`, when the width of the ELF is not the core's.
  void attach(const ElfFile& elf, const std::string& path);
  /// Attaches an ELF and loads every segment with its zeros. Throws InputError, naming `path`, also when a segment lies
  /// outside memory.
  void load(const ElfFile& elf, const std::string& path);

  /// Power-on. `boot: direct`: the ROM's vector jumps to `entry` with a0 = hart number and a1 = `argument`.
  /// `boot: flash`: the ROM image runs and both are ignored. Call once, after loading.
  void start(uint64_t entry, uint64_t argument = 0);

  /// Lets the guest's semihosting calls work with files below a folder of the host, and nothing else. Throws
  /// InputError.
  void allow_semihosting_files(const std::string& folder);
  /// Stops when `count` instructions have retired since power-on.
  void set_instruction_limit(uint64_t count);
  /// Resets by the guest (finisher, watchdog) beyond `count` end the run. kResetLimit unless said otherwise.
  void set_reset_limit(uint32_t count);
  /// Resets the board as the guest does, between two events: devices as after power-on, memory and flash keep their
  /// content, but with `boot: direct` the attached ELF is loaded again; the core starts at its reset vector.
  void reset();
  /// Resets since power-on.
  uint32_t resets() const;

  /// Runs until something stops the board. After a stop that the guest asked for, it returns at once.
  BoardResult run() { return run_until(EventQueue::kNever); }
  /// The same, but not past `time_ps`: all events up to and including it have run.
  BoardResult run_until(uint64_t time_ps);
  /// Makes `run` return soon. Safe from a signal handler and from other threads.
  void request_stop();
  /// False when no event is scheduled: nothing will happen any more, however long the board runs.
  bool anything_scheduled() const;
  /// Runs exactly one event of the queue, the next: for tests of saving. False when there is none or the run has ended.
  bool step_event();

  uint64_t time_ps() const;
  Core& core();
  EventQueue& queue();
  FindingLog& findings();
  Uart& uart();
  const MapConfig& map() const;
  /// The program that was attached or loaded; nullptr: none.
  const ElfFile* program() const;
  Flash& flash();
  npu::NpuDevice& npu();

  /// All counters of all models.
  StatsTree stats();
  /// Bytes of transactions and requests at the DRAM over time, by initiator: bandwidth.csv.
  std::string bandwidth_csv();
  /// Power of the NPU over time, leakage apart: power.csv.
  std::string power_csv();
  /// Bytes by command of the NPU: traffic_commands.csv; empty unless `bus.command_traffic` asks for it.
  std::string command_traffic_csv();
  /// Whose bytes crossed into DRAM, the core's direct accesses included: traffic.csv.
  TrafficTable traffic();
  /// Conservation of bytes: masters = bus = targets, DRAM's own counters = traffic(). Nothing when it holds, else a
  /// sentence with the first difference.
  std::optional<std::string> conservation_error();

  /// Writes the state of everything, under a temporary name first. Changes nothing in the simulation. Throws InputError
  /// while the guest has files of the host open.
  void save(const std::string& path);
  /// Takes a saved state over, in place of `start`. Throws InputError when the file is damaged, of another version or
  /// of a board with another configuration; the board must then not be used.
  void restore(const std::string& path);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace backboard
