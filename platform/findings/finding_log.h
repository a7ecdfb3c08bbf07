// The board's list of findings: counted, limited, printed once each.
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "platform/findings/finding.h"
#include "platform/state/archive.h"

namespace backboard {

/// Where an instruction stands in the source.
struct CodePlace {
  std::string function;
  std::string source_line;
};

/// Collects findings. Those with equal pc, initiator, block, register and reason are one entry with a count; the first
/// of each goes to the printer as one line. Above `limit` distinct ones, new ones are only counted.
class FindingLog final : public FindingSink, public Saved {
 public:
  static constexpr size_t kDefaultLimit = 200;

  struct Entry {
    Finding first;
    uint64_t count = 1;
  };

  explicit FindingLog(size_t limit = kDefaultLimit) : limit_(limit) {}

  /// Takes the line of a new finding, without a line end. Unset: nothing is printed.
  void set_printer(std::function<void(const std::string&)> printer) { printer_ = std::move(printer); }
  /// Gives the pc of the instruction in execution, for findings of the core's accesses that carry none.
  void set_pc_source(std::function<std::optional<uint64_t>()> source) { pc_source_ = std::move(source); }
  /// Finds function and source line of a pc.
  void set_locator(std::function<CodePlace(uint64_t pc)> locator) { locator_ = std::move(locator); }

  void report(Finding finding) override;

  const std::vector<Entry>& entries() const { return entries_; }
  uint64_t total() const { return total_; }  ///< reports, repeats included
  /// Reports that fit no entry because of the limit.
  uint64_t not_listed() const { return not_listed_; }

  /// findings.json: {"total", "not_listed", "findings": [...]}.
  std::string json() const;

  void state(StateArchive& archive) override;

 private:
  size_t limit_;
  std::function<void(const std::string&)> printer_;
  std::function<std::optional<uint64_t>()> pc_source_;
  std::function<CodePlace(uint64_t)> locator_;
  std::vector<Entry> entries_;
  uint64_t total_ = 0;
  uint64_t not_listed_ = 0;
};

/// The finding as one line: "finding: 12.3 us: npu.NPU_ID: write to a read-only register (address 0x10010000, pc
/// 0x80000010) in main (main.c:12)".
std::string line_of(const Finding& finding);

}  // namespace backboard
