// One rank of DRAM: which rows are open, and when each command is possible.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstdint>
#include <vector>

#include "platform/dram/device/command.h"
#include "platform/dram/standard/gaps.h"
#include "platform/state/archive.h"

namespace backboard::dram {

inline constexpr uint32_t kNoRow = UINT32_MAX;
inline constexpr uint64_t kNever = UINT64_MAX;

/// The banks of a rank as state machines. Times are clocks and only grow: whoever issues computes `earliest` and may
/// issue at that clock or later. Issuing too early, or a command that the state forbids, is an internal error.
class Rank {
 public:
  explicit Rank(const MemoryConfig& config);

  unsigned banks() const { return static_cast<unsigned>(banks_.size()); }
  /// The open row of a bank, or kNoRow.
  uint32_t row(unsigned bank) const { return banks_[bank].row; }
  /// A bit for each bank with an open row.
  uint64_t open_banks() const { return open_; }
  bool powered_down() const { return down_; }
  /// Clocks that the command takes on the command bus.
  uint64_t length(Command command) const { return length_[static_cast<size_t>(command)]; }

  /// The first clock at which `command` breaks no constraint. `bank` is ignored by commands that
  /// concern all.
  uint64_t earliest(Command command, unsigned bank) const;

  void issue(const IssuedCommand& command);

  void state(StateArchive& archive);

 private:
  struct Bank {
    uint32_t row = kNoRow;
    uint32_t group = 0;
    uint64_t activate = 0, column = 0, masked = 0, precharge = 0,
             refresh = 0;  ///< earliest clocks by the bank's own history
  };
  struct Group {
    uint64_t activate = 0, read = 0, write = 0;
  };

  void activate(const IssuedCommand& command, Bank& bank);
  void column(const IssuedCommand& command, Bank& bank);
  void refresh_bank(uint64_t clock, Bank& bank);
  static void raise(uint64_t& limit, uint64_t clock) { limit = std::max(limit, clock); }

  Gaps gaps_;
  std::array<uint64_t, kCommands> length_{};
  std::vector<Bank> banks_;
  std::vector<Group> groups_;
  uint64_t open_ = 0;
  uint64_t bus_ = 0;  ///< the command bus is free
  // Earliest clocks by the history of the whole rank.
  uint64_t activate_ = 0, read_ = 0, write_ = 0, precharge_ = 0, precharge_all_ = 0, refresh_all_ = 0,
           refresh_bank_ = 0, power_down_ = 0, power_up_ = 0;
  bool down_ = false;
  std::array<uint64_t, 4> window_{};  ///< when each of the last four activates leaves the window; a ring
  uint32_t window_next_ = 0;          ///< the oldest of them
};

inline uint64_t Rank::earliest(Command command, unsigned bank) const {
  const Bank& b = banks_[bank];
  switch (command) {
    case Command::activate:
      return std::max({bus_, b.activate, groups_[b.group].activate, activate_, window_[window_next_]});
    case Command::read:
      return std::max({bus_, b.column, groups_[b.group].read, read_});
    case Command::write:
      return std::max({bus_, b.column, groups_[b.group].write, write_});
    case Command::write_masked:
      return std::max({bus_, b.column, groups_[b.group].write, write_, b.masked});
    case Command::precharge:
      return std::max({bus_, b.precharge, precharge_});
    case Command::precharge_all:
      return std::max({bus_, precharge_, precharge_all_});
    case Command::refresh_all:
      return std::max(bus_, refresh_all_);
    case Command::refresh_bank:
      return std::max({bus_, b.refresh, refresh_bank_, window_[window_next_]});
    case Command::power_down:
      return power_down_;
    case Command::power_up:
      return power_up_;
  }
  return kNever;
}

}  // namespace backboard::dram
