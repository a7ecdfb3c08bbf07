// An independent judge of command lists.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "platform/dram/device/command.h"
#include "platform/dram/standard/memory_config.h"
#include "platform/state/archive.h"

namespace backboard::dram {

/// A broken rule.
struct Violation {
  std::string rule;  ///< "ACT->RD same bank >= 29", "RD to a closed bank", ...
  IssuedCommand command;
  uint64_t since = 0;  ///< clock of the earlier command, where the rule has one

  std::string text() const;
};

/// Finds what breaks the rules of the part's standard in the commands of one channel, given one by one: distances
/// between pairs of commands, the window of four activates, the command bus, rows open or closed as each command needs,
/// refreshes later than nine intervals (eight may be postponed: JESD209-4, JESD79-4). Written from the table of rules
/// as data; it shares nothing with the device and the controller but the part's parameters. Keeps at most `limit`
/// violations, the first.
class CommandChecker {
 public:
  explicit CommandChecker(const MemoryConfig& config, size_t limit = 100);
  ~CommandChecker();
  CommandChecker(CommandChecker&&) noexcept;
  void judge(const IssuedCommand& command);
  const std::vector<Violation>& violations() const;
  /// What it knows of earlier commands; violations are not saved.
  void state(StateArchive& archive);

 private:
  class Judge;
  std::unique_ptr<Judge> judge_;
};

/// The same for a whole list.
std::vector<Violation> check_commands(const MemoryConfig& config, std::span<const IssuedCommand> commands,
                                      size_t limit = 100);

}  // namespace backboard::dram
