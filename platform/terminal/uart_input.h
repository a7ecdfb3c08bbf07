// What comes to the UART from outside: handed over at one moment of simulated time, logged, replayed.
#pragma once

#include <cstdio>
#include <string>
#include <vector>

#include "platform/soc/board.h"
#include "platform/terminal/terminal_port.h"
#include "platform/uart/uart.h"

namespace backboard {

/// A byte that arrived. The log has one a line: "INSTRUCTIONS TIME_PS BYTE", decimal, decimal and two hexadecimal
/// digits.
struct InputRecord {
  uint64_t instructions = 0;  ///< retired when it arrived
  uint64_t time_ps = 0;
  uint8_t byte = 0;
};

/// Reads a log. Throws InputError with the line.
std::vector<InputRecord> read_input_log(const std::string& path);

/// Takes the place of Board::run_until. Bytes of the port arrive one frame apart, from the moment at which the host
/// hands them over, but not before the guest looks for input; that moment is the only thing that differs between two
/// runs, and the log holds it: a replay is the same run, to the byte. Simulated time stands still while the board can
/// do nothing but wait for input.
class UartInput final : public UartInputObserver {
 public:
  /// `port` may be nullptr for a replay. `stop` says whether the program shall end. Both must outlive this.
  UartInput(Board& board, TerminalPort* port, bool (*stop)());
  ~UartInput() override;
  UartInput(const UartInput&) = delete;
  UartInput& operator=(const UartInput&) = delete;

  /// Throws InputError when it cannot be written.
  void log_to(const std::string& path);
  /// Everything that arrives comes from a log, and nothing from the port. Throws InputError, also when the board is
  /// past the log's first byte.
  void replay(const std::string& path);

  /// Returns `interrupted` also when it was another one than `stop` that wanted to look.
  BoardResult run_until(uint64_t time_ps);
  /// Throws InputError when a replay has not gone as the log says.
  void finish() const;

  void on_listening() override;
  void on_input(uint8_t byte, uint64_t time_ps) override;

 private:
  static constexpr size_t kMaxAhead = 256;

  bool may_deliver() const { return !replaying_ && port_ && port_->may_deliver(); }
  bool wants_more() const { return may_deliver() && board_.uart().listening() && ahead_ < kMaxAhead; }
  void pump();

  Board& board_;
  TerminalPort* port_;
  bool (*stop_)();
  std::FILE* log_ = nullptr;
  std::string replay_path_;
  std::vector<InputRecord> replayed_;
  std::string difference_;
  bool replaying_ = false;
  size_t arrived_ = 0;
  size_t ahead_ = 0;      ///< handed over, not arrived
  uint64_t last_ps_ = 0;  ///< of the byte handed over last
};

}  // namespace backboard
