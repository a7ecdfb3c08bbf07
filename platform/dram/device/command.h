// Commands on the command bus of a rank.
#pragma once

#include <cstdint>

namespace backboard::dram {

enum class Command : uint8_t { activate, read, write, precharge, precharge_all, refresh_all, refresh_bank };
inline constexpr unsigned kCommands = 7;

/// Name in command lists: ACT, RD, WR, PRE, PREA, REFAB, REFPB.
const char* name_of(Command command);

/// A command as it was issued. `bank` counts over all groups; bank, row and column are 0 where the command has none.
struct IssuedCommand {
  uint64_t clock = 0;
  Command command = Command::activate;
  uint32_t bank = 0;
  uint32_t row = 0;
  uint32_t column = 0;

  bool operator==(const IssuedCommand&) const = default;
};

/// Receives every command in the order of the clock.
class CommandSink {
 public:
  virtual ~CommandSink() = default;
  virtual void issued(unsigned channel, const IssuedCommand& command) = 0;
};

}  // namespace backboard::dram
