// What ties a board to its host: debugger, trace, the UART's other end, files of semihosting.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "platform/debug/gdb_session.h"
#include "platform/debug/instruction_trace.h"
#include "platform/soc/board.h"
#include "platform/terminal/terminal_port.h"
#include "platform/terminal/uart_input.h"
#include "platform/uart/character_sink.h"

namespace backboard {

/// What a user asks for; empty: nothing of the kind.
struct HostOptions {
  std::string gdb;          ///< [HOST:]PORT or unix:PATH to wait for a debugger on
  std::string trace;        ///< file for every instruction; with gdb, from `monitor trace on`
  std::string uart;         ///< make_terminal_port
  std::string uart_input;   ///< file whose bytes come in, in place of the port's
  std::string uart_log;     ///< file that gets every byte from outside with its moment
  std::string uart_replay;  ///< such a file, in place of input from outside
  std::string files;        ///< folder below which semihosting may work with files
};

/// The host's side of one board. It is there before the board, because the board speaks to it, and bound to it then.
class HostLink final : public CharacterSink {
 public:
  /// `otherwise` takes the UART's output too; nullptr: only the port does. Throws InputError.
  HostLink(const HostOptions& options, CharacterSink* otherwise);
  ~HostLink() override;

  /// Before the board runs. `stop` says whether the program shall end. Throws InputError; then the board must not run.
  void bind(Board& board, bool (*stop)());
  /// In place of Board::run_until. Waits for a debugger first, when one is asked for.
  BoardResult run_until(uint64_t time_ps);
  /// Tells the debugger, and throws InputError when a replay went astray.
  void finish(const BoardResult& result);
  /// Lets go of the board. To be called while there is one.
  void unbind();
  /// Whether someone outside looks on: then there is no progress to show.
  bool watched() const { return gdb_.has_value(); }

  void put(uint8_t byte, uint64_t time_ps) override;
  void flush() override;

 private:
  HostOptions options_;
  CharacterSink* otherwise_;
  bool (*stop_)() = nullptr;
  std::unique_ptr<TerminalPort> port_, input_port_;
  std::optional<UartInput> input_;
  std::optional<InstructionTrace> trace_;
  std::optional<GdbSession> gdb_;
  BoardRunner run_;
};

}  // namespace backboard
