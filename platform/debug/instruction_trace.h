// Every step of the core as a line of a file.
#pragma once

#include <array>
#include <cstdio>
#include <string>

#include "platform/soc/board.h"

namespace backboard {

/// One line a step, in order:
///
///     NUMBER TIME_PS PC BITS FUNCTION+OFFSET [REGISTER=VALUE]...     an instruction that retired, and what it changed
///     NUMBER TIME_PS PC exception CAUSE [FUNCTION+OFFSET]            an instruction that trapped
///     NUMBER TIME_PS PC interrupt CAUSE [FUNCTION+OFFSET]            an interrupt that came before PC
///
/// NUMBER counts retired instructions from 0; PC, BITS and VALUE are hexadecimal; CAUSE is mcause without its top bit.
/// Tracing changes no result, time or counter; it makes the host some fifty times slower.
class InstructionTrace final : public StepTracer {
 public:
  /// Throws InputError when `path` cannot be written. Nothing is traced before `set(true)`.
  InstructionTrace(Board& board, const std::string& path);
  ~InstructionTrace() override;
  InstructionTrace(const InstructionTrace&) = delete;
  InstructionTrace& operator=(const InstructionTrace&) = delete;

  void set(bool on);
  /// Ends tracing. Throws InputError when lines are lost: the disk is full.
  void finish();
  bool on() const { return on_; }
  const std::string& path() const { return path_; }
  uint64_t lines() const { return lines_; }
  void flush() { std::fflush(file_); }

  void on_step(const TracedStep& step) override;

 private:
  void remember_registers();
  std::string place_of(uint64_t pc) const;
  std::string changes();

  Board& board_;
  std::string path_;
  std::FILE* file_;
  std::array<uint64_t, 32> x_{}, f_{};
  uint64_t lines_ = 0;
  bool on_ = false;
};

}  // namespace backboard
