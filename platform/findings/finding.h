// What guest software did wrong, told to whoever wants to know. Models hold a reference to a FindingSink.
#pragma once

#include <cstdint>
#include <string>

#include "platform/bus/attribution.h"

namespace backboard {

/// One mistake of guest software. A model fills what it knows; the board adds pc, function and source line.
struct Finding {
  static constexpr uint64_t kNowhere = UINT64_MAX;

  uint64_t time_ps = 0;
  Initiator initiator = Initiator::core_data;
  std::string block;            ///< device, as in the memory map: "npu", "uart"; "bus" for accesses to nothing
  std::string reg;              ///< register, when the access hit one
  uint64_t address = kNowhere;  ///< absolute, or kNowhere when the mistake is no access
  std::string reason;           ///< one clause: "write to a read-only register"
  uint64_t pc = kNowhere;       ///< instruction that did it
  std::string function;         ///< that contains pc
  std::string source_line;      ///< "main.c:12"
};

/// Takes findings. Never fails, never stops the simulation.
class FindingSink {
 public:
  virtual ~FindingSink() = default;
  virtual void report(Finding finding) = 0;
};

/// Forgets findings: for tests of models and for tools that do not report.
class IgnoreFindings final : public FindingSink {
 public:
  void report(Finding finding) override { static_cast<void>(finding); }
};

}  // namespace backboard
