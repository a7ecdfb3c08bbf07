// The board as a debugger sees it.
#pragma once

#include <string>
#include <vector>

#include "platform/debug/debug_target.h"
#include "platform/soc/board.h"

namespace backboard {

/// Looks at the board through debug accesses, and keeps the points at which the core stops.
class BoardTarget final : public DebugTarget {
 public:
  explicit BoardTarget(Board& board) : board_(board) {}

  unsigned width_bits() const override { return board_.core().width_bits(); }
  std::vector<DebugCsr> csrs() override;
  std::optional<uint64_t> read_register(unsigned number) override;
  bool write_register(unsigned number, uint64_t value) override;
  bool read_memory(uint64_t address, std::span<uint8_t> bytes) override;
  bool write_memory(uint64_t address, std::span<const uint8_t> bytes) override;
  std::vector<DebugRegion> memory_map() override;
  bool set_breakpoint(uint64_t address, bool present) override;
  bool set_watchpoint(DebugWatch kind, uint64_t address, uint64_t size_bytes, bool present) override;
  void remove_all_points() override;
  std::string monitor(std::string_view command) override;

  /// What the core's stop means to the debugger; `result` is what Board::run_until returned.
  DebugStop stop_of(const BoardResult& result) const;

 private:
  static constexpr size_t kMaxBreakpoints = 1024;
  static constexpr size_t kMaxWatchpoints = 64;

  std::string registers_text(Place place);
  std::string interrupts_text();
  std::string dram_text();

  Board& board_;
  std::vector<uint64_t> breakpoints_;
  std::vector<Watchpoint> watchpoints_;
};

}  // namespace backboard
