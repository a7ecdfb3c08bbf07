#include "platform/stats/traffic_table.h"

#include <fmt/format.h>

#include <algorithm>

namespace backboard {
namespace {

void add(TrafficRow& to, const TrafficRow& row) {
  to.read_bytes += row.read_bytes;
  to.write_bytes += row.write_bytes;
  to.reads += row.reads;
  to.writes += row.writes;
}

}  // namespace

void TrafficTable::find(const Attribution& who, uint64_t key) {
  const auto [place, added] = row_by_key_.emplace(key, rows_.size());
  if (added) {
    TrafficRow row;
    row.who = who;
    row.who.command = 0;
    rows_.push_back(row);
  }
  last_key_ = key;
  last_row_ = place->second;
}

std::vector<TrafficRow> TrafficTable::rows() const {
  std::vector<TrafficRow> sorted = rows_;
  std::sort(sorted.begin(), sorted.end(),
            [](const TrafficRow& a, const TrafficRow& b) { return key_of(a.who) < key_of(b.who); });
  return sorted;
}

TrafficRow TrafficTable::sum() const {
  TrafficRow total;
  for (const TrafficRow& row : rows_) add(total, row);
  return total;
}

TrafficRow TrafficTable::sum_of(Initiator initiator) const {
  TrafficRow total;
  total.who.initiator = initiator;
  for (const TrafficRow& row : rows_) {
    if (row.who.initiator == initiator) add(total, row);
  }
  return total;
}

std::string TrafficTable::csv(std::span<const std::string> layer_names) const {
  std::string text = "initiator,layer,name,phase,tensor_class,read_bytes,write_bytes,reads,writes\n";
  for (const TrafficRow& row : rows()) {
    const std::string layer = row.who.layer == 0xffff ? "-" : fmt::format("{}", row.who.layer);
    std::string name = row.who.layer < layer_names.size() ? layer_names[row.who.layer] : "";
    for (char& c : name) c = c == ',' || c == '"' || static_cast<unsigned char>(c) < ' ' ? '_' : c;
    text += fmt::format("{},{},{},{},{},{},{},{},{}\n", name_of(row.who.initiator), layer, name, name_of(row.who.phase),
                        name_of(row.who.tensor), row.read_bytes, row.write_bytes, row.reads, row.writes);
  }
  return text;
}

std::optional<std::string> TrafficTable::conservation_error(uint64_t memory_read_bytes,
                                                            uint64_t memory_write_bytes) const {
  const TrafficRow total = sum();
  if (total.read_bytes == memory_read_bytes && total.write_bytes == memory_write_bytes) return std::nullopt;
  return fmt::format("traffic is not conserved: attributed {} bytes read and {} written, the memory counted {} and {}",
                     total.read_bytes, total.write_bytes, memory_read_bytes, memory_write_bytes);
}

void TrafficTable::state(StateArchive& archive) {
  archive.section("traffic");
  uint64_t count = rows_.size();
  archive.value("rows", count);
  std::vector<TrafficRow> saved = rows();
  if (archive.reading()) {
    if (count > archive.bytes().size()) archive.fail("rows", "more rows than the file has bytes");
    saved.assign(count, {});
  }
  for (TrafficRow& row : saved) {
    archive.value("initiator", row.who.initiator);
    archive.value("phase", row.who.phase);
    archive.value("tensor", row.who.tensor);
    archive.value("layer", row.who.layer);
    archive.value("read bytes", row.read_bytes);
    archive.value("write bytes", row.write_bytes);
    archive.value("reads", row.reads);
    archive.value("writes", row.writes);
  }
  if (!archive.reading()) return;
  rows_ = std::move(saved);
  row_by_key_.clear();
  last_key_ = UINT64_MAX;
  for (size_t i = 0; i < rows_.size(); ++i) {
    if (!row_by_key_.emplace(key_of(rows_[i].who), i).second) archive.fail("rows", "a row occurs twice");
  }
}

}  // namespace backboard
