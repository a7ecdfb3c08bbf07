#include "platform/stats/stats_writer.h"

#include <nlohmann/json.hpp>

#include "platform/check/check.h"

namespace backboard {

void StatsTree::add(const std::string& path, Stat stat) {
  const bool added = stats_.emplace(path, std::move(stat)).second;
  BB_CHECK(added, "statistic {} is written twice", path);
}

uint64_t StatsTree::counter(std::string_view path) const {
  const auto found = stats_.find(path);
  if (found == stats_.end()) return 0;
  const auto* value = std::get_if<uint64_t>(&found->second.value);
  return value ? *value : 0;
}

std::string StatsTree::json() const {
  nlohmann::ordered_json whole = nlohmann::ordered_json::object();
  for (const auto& [path, stat] : stats_) {
    nlohmann::ordered_json item;
    std::visit([&](auto value) { item["value"] = value; }, stat.value);
    item["unit"] = stat.unit;
    item["description"] = stat.description;
    whole[path] = std::move(item);
  }
  return whole.dump(2) + "\n";
}

std::string StatsWriter::path_of(std::string_view name) const {
  return path_.empty() ? std::string(name) : path_ + "." + std::string(name);
}

StatsWriter StatsWriter::part(std::string_view name) const {
  return {tree_, path_of(name)};
}

void StatsWriter::counter(std::string_view name, uint64_t value, std::string_view unit,
                          std::string_view description) const {
  tree_.add(path_of(name), {value, std::string(unit), std::string(description)});
}

void StatsWriter::real(std::string_view name, double value, std::string_view unit, std::string_view description) const {
  tree_.add(path_of(name), {value, std::string(unit), std::string(description)});
}

void StatsWriter::ratio(std::string_view name, uint64_t numerator, uint64_t denominator, std::string_view unit,
                        std::string_view description) const {
  const double value = denominator ? static_cast<double>(numerator) / static_cast<double>(denominator) : 0.0;
  real(name, unit == "%" ? 100.0 * value : value, unit, description);
}

}  // namespace backboard
