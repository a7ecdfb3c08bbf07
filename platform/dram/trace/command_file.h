// Command lists as files.
#pragma once

#include <fstream>
#include <string>

#include "platform/dram/device/command.h"

namespace backboard::dram {

/// Writes commands as CSV as they are issued: clock, channel, command, bank, row, column. Channels are in order each;
/// among each other as the model came to compute them.
class CommandFile final : public CommandSink {
 public:
  /// Throws InputError when the file cannot be written.
  explicit CommandFile(const std::string& path);
  void issued(unsigned channel, const IssuedCommand& command) override;
  /// Throws InputError when what was written did not reach the file.
  void flush();

 private:
  std::string path_, line_;
  std::ofstream file_;
};

}  // namespace backboard::dram
