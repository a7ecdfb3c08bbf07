// The board as a debugger sees it.
#pragma once

#include <array>
#include <string>
#include <utility>
#include <vector>

#include "platform/debug/debug_target.h"
#include "platform/debug/instruction_trace.h"
#include "platform/soc/board.h"

namespace backboard {

/// Looks at the board through debug accesses, memory as the core sees it, and keeps the points at which the core stops.
class BoardTarget final : public DebugTarget {
 public:
  /// `trace` is what `monitor trace` switches; nullptr: there is none.
  explicit BoardTarget(Board& board, InstructionTrace* trace = nullptr) : board_(board), trace_(trace) {}

  unsigned width_bits() const override { return board_.core().width_bits(); }
  unsigned float_bits() const override { return board_.core().float_bits(); }
  std::vector<DebugCsr> csrs() override;
  std::optional<uint64_t> read_register(unsigned number) override;
  bool write_register(unsigned number, uint64_t value) override;
  bool read_memory(uint64_t address, std::span<uint8_t> bytes) override;
  bool write_memory(uint64_t address, std::span<const uint8_t> bytes) override;
  std::vector<DebugRegion> memory_map() override;
  bool set_breakpoint(DebugBreak kind, uint64_t address, bool present) override;
  bool set_watchpoint(DebugWatch kind, uint64_t address, uint64_t size_bytes, bool present) override;
  void remove_all_points() override;
  std::string monitor(std::string_view command) override;

  /// Whether `monitor reset` was asked for since the last call.
  bool take_reset() { return std::exchange(was_reset_, false); }
  /// What the core's stop means to the debugger; `result` is what Board::run_until returned.
  DebugStop stop_of(const BoardResult& result) const;

 private:
  static constexpr size_t kMaxBreakpoints = 1024;
  static constexpr size_t kMaxWatchpoints = 64;

  GuestMemory& memory() { return board_.core().memory(); }
  std::string registers_text(const char* block, Place place);
  std::string interrupts_text();
  std::string dram_text();
  std::string info(std::string_view what);
  std::string trace(std::string_view what);

  Board& board_;
  InstructionTrace* trace_;
  bool was_reset_ = false;
  std::array<std::vector<uint64_t>, 2> breakpoints_;  ///< by DebugBreak; an address may be in both
  std::vector<Watchpoint> watchpoints_;
};

}  // namespace backboard
