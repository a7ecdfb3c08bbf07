#include "platform/findings/finding_log.h"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace backboard {
namespace {

bool same_mistake(const Finding& a, const Finding& b) {
  return a.pc == b.pc && a.initiator == b.initiator && a.block == b.block && a.reg == b.reg && a.reason == b.reason;
}

bool from_core(Initiator initiator) {
  return initiator == Initiator::core_code || initiator == Initiator::core_data;
}

}  // namespace

std::string line_of(const Finding& finding) {
  std::string line = fmt::format("finding: {:.3f} us: {}", static_cast<double>(finding.time_ps) / 1e6, finding.block);
  if (!finding.reg.empty()) line += "." + finding.reg;
  line += ": " + finding.reason;
  std::string where;
  if (finding.address != Finding::kNowhere) where += fmt::format("address {:#x}, ", finding.address);
  if (finding.pc != Finding::kNowhere) where += fmt::format("pc {:#x}", finding.pc);
  if (finding.pc == Finding::kNowhere) where += fmt::format("by {}", name_of(finding.initiator));
  line += " (" + where + ")";
  if (!finding.function.empty()) line += " in " + finding.function;
  if (!finding.source_line.empty()) line += (finding.function.empty() ? " at " : " (") + finding.source_line;
  if (!finding.function.empty() && !finding.source_line.empty()) line += ")";
  return line;
}

void FindingLog::report(Finding finding) {
  ++total_;
  if (finding.pc == Finding::kNowhere && from_core(finding.initiator) && pc_source_) {
    finding.pc = pc_source_().value_or(Finding::kNowhere);
  }
  const auto known = std::find_if(entries_.begin(), entries_.end(),
                                  [&](const Entry& entry) { return same_mistake(entry.first, finding); });
  if (known != entries_.end()) {
    ++known->count;
    return;
  }
  if (entries_.size() >= limit_) {
    if (not_listed_++ == 0 && printer_)
      printer_(fmt::format("finding: more than {} kinds; others are counted", limit_));
    return;
  }
  if (finding.pc != Finding::kNowhere && locator_ && finding.function.empty()) {
    CodePlace place = locator_(finding.pc);
    finding.function = std::move(place.function);
    finding.source_line = std::move(place.source_line);
  }
  entries_.push_back({std::move(finding), 1});
  if (printer_) printer_(line_of(entries_.back().first));
}

std::string FindingLog::json() const {
  nlohmann::ordered_json list = nlohmann::ordered_json::array();
  for (const auto& [first, count] : entries_) {
    nlohmann::ordered_json item;
    item["count"] = count;
    item["time_ps"] = first.time_ps;
    item["initiator"] = name_of(first.initiator);
    item["block"] = first.block;
    if (!first.reg.empty()) item["register"] = first.reg;
    if (first.address != Finding::kNowhere) item["address"] = fmt::format("{:#x}", first.address);
    item["reason"] = first.reason;
    if (first.pc != Finding::kNowhere) item["pc"] = fmt::format("{:#x}", first.pc);
    if (!first.function.empty()) item["function"] = first.function;
    if (!first.source_line.empty()) item["source_line"] = first.source_line;
    list.push_back(std::move(item));
  }
  nlohmann::ordered_json whole;
  whole["total"] = total_;
  whole["not_listed"] = not_listed_;
  whole["findings"] = std::move(list);
  return whole.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

void FindingLog::state(StateArchive& archive) {
  archive.section("findings");
  uint64_t count = entries_.size();
  archive.value("count", count);
  if (archive.reading()) {
    if (count > limit_) archive.fail("count", "more findings than the limit");
    entries_.assign(count, {});
  }
  for (auto& [first, repeats] : entries_) {
    archive.value("time", first.time_ps);
    archive.value("initiator", first.initiator);
    archive.string("block", first.block);
    archive.string("register", first.reg);
    archive.value("address", first.address);
    archive.string("reason", first.reason);
    archive.value("pc", first.pc);
    archive.string("function", first.function);
    archive.string("source line", first.source_line);
    archive.value("repeats", repeats);
  }
  archive.value("total", total_);
  archive.value("not listed", not_listed_);
}

}  // namespace backboard
