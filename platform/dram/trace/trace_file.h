// Trace files in the forms that other simulators write.
#pragma once

#include <string>
#include <string_view>

#include "platform/dram/trace/trace_source.h"

namespace backboard::dram {

/// Reads a trace as text, in one of three forms that each line shows:
///   CYCLE: read|write ADDRESS         DRAMSys's .stl
///   CYCLE,R|W,ADDRESS                 CSV; a first line of names is skipped
///   ADDRESS R|W   or   R|W|LD|ST ADDRESS    Ramulator; one request a cycle
/// Addresses are hexadecimal with 0x, or decimal. Empty lines and what follows '#' are skipped. Throws InputError with
/// file and line for anything else, decreasing cycles and addresses from `capacity_bytes` on.
class TraceFile final : public TraceSource {
 public:
  TraceFile(std::string name, std::string text, uint64_t capacity_bytes);
  bool next(TraceRequest& request) override;

 private:
  void parse(std::string_view line, TraceRequest& request) const;
  [[noreturn]] void fail(const std::string& message) const;

  std::string name_, text_;
  uint64_t capacity_bytes_;
  size_t position_ = 0;
  unsigned line_ = 0;
  uint64_t requests_ = 0, last_cycle_ = 0;
};

/// The whole content of a file. Throws InputError when it cannot be read.
std::string read_trace(const std::string& path);

}  // namespace backboard::dram
