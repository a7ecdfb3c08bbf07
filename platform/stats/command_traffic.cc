#include "platform/stats/command_traffic.h"

#include <fmt/format.h>

namespace backboard {

std::string CommandTraffic::csv() const {
  std::string text = "ring,command,layer,phase,tensor_class,read_bytes,write_bytes\n";
  for (const auto& [key, row] : rows_) {
    const std::string layer = row.layer == 0xffff ? "-" : fmt::format("{}", row.layer);
    const auto& [ring, command, tensor] = key;
    text += fmt::format("{},{},{},{},{},{},{}\n", ring, command, layer, name_of(row.phase), name_of(tensor),
                        row.read_bytes, row.write_bytes);
  }
  return text;
}

void CommandTraffic::state(StateArchive& archive) {
  archive.section("command traffic");
  uint64_t count = rows_.size();
  archive.value("rows", count);
  auto saved = rows_.begin();
  if (archive.reading()) rows_.clear();
  for (uint64_t i = 0; i < count; ++i) {
    auto [ring, command, tensor] = archive.reading() ? Key() : saved->first;
    archive.value("ring", ring);
    Row row = archive.reading() ? Row() : saved->second;
    archive.value("command", command);
    archive.value("tensor", tensor);
    archive.value("read bytes", row.read_bytes);
    archive.value("write bytes", row.write_bytes);
    archive.value("layer", row.layer);
    archive.value("phase", row.phase);
    if (archive.reading()) {
      rows_[{ring, command, tensor}] = row;
    } else {
      ++saved;
    }
  }
}

}  // namespace backboard
