#include "platform/dram/trace/command_file.h"

#include <fmt/format.h>

#include <iterator>

#include "platform/check/write_error.h"

namespace backboard::dram {

CommandFile::CommandFile(const std::string& path) : path_(path), file_(path, std::ios::binary) {
  if (!file_) throw write_error(path);
  file_ << "clock,channel,command,bank,row,column\n";
}

void CommandFile::issued(unsigned channel, const IssuedCommand& c) {
  line_.clear();
  fmt::format_to(std::back_inserter(line_), "{},{},{},{},{},{}\n", c.clock, channel, name_of(c.command), c.bank, c.row,
                 c.column);
  file_.write(line_.data(), static_cast<std::streamsize>(line_.size()));
}

void CommandFile::flush() {
  file_.flush();
  if (!file_) throw write_error(path_);
}

}  // namespace backboard::dram
