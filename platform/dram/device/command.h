// Commands on the command bus of a rank.
#pragma once

#include <cstdint>

namespace backboard::dram {

/// Power-down is no command on the bus but a change of the clock enable; lists show it like one.
enum class Command : uint8_t {
  activate,
  read,
  write,
  precharge,
  precharge_all,
  refresh_all,
  refresh_bank,
  write_masked,  ///< of a part of a burst, where the standard has a command of its own for it
  power_down,
  power_up
};
inline constexpr unsigned kCommands = 10;
constexpr bool is_column(Command c) {
  return c == Command::read || c == Command::write || c == Command::write_masked;
}

/// Name in command lists: ACT, RD, WR, MWR, PRE, PREA, REFAB, REFPB, PDE, PDX.
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
