#include "platform/experiment/point_values.h"

#include <fmt/format.h>

#include <filesystem>
#include <nlohmann/json.hpp>
#include <sstream>

#include "platform/check/input_error.h"
#include "platform/check/read_file.h"
#include "platform/config/suggest.h"

namespace backboard {
namespace {

using Json = nlohmann::json;

std::string text_of(const std::string& path) {
  const std::vector<uint8_t> bytes = read_file(path);
  return {bytes.begin(), bytes.end()};
}

void add_leaves(const Json& json, const std::string& path, std::map<std::string, double>& values) {
  if (json.is_number()) {
    values[path] = json.get<double>();
  } else if (json.is_boolean()) {
    values[path] = json.get<bool>() ? 1.0 : 0.0;
  } else if (json.is_object()) {
    for (const auto& [key, item] : json.items()) add_leaves(item, path + "." + key, values);
  } else if (json.is_array()) {
    for (size_t i = 0; i < json.size(); ++i) add_leaves(json[i], fmt::format("{}.{}", path, i), values);
    if (!json.empty()) add_leaves(json.back(), path + ".last", values);
  }
}

std::string lower_case(std::string text) {
  for (char& c : text) c = c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  return text;
}

// initiator,layer,name,phase,tensor_class,read_bytes,write_bytes,reads,writes; names hold no comma.
void add_traffic(const std::string& csv, const std::string& path, std::map<std::string, double>& values) {
  std::istringstream lines(csv);
  std::string line;
  std::getline(lines, line);
  while (std::getline(lines, line)) {
    std::vector<std::string> cells;
    std::istringstream parts(line);
    for (std::string cell; std::getline(parts, cell, ',');) cells.push_back(cell);
    if (cells.size() != 9) throw InputError(fmt::format("{}: is no table of traffic", path));
    const double bytes = std::stod(cells[5]) + std::stod(cells[6]);
    const std::string whose = "traffic." + lower_case(cells[0]);
    const std::string phase = "." + lower_case(cells[3]), tensor = "." + lower_case(cells[4]);
    for (const std::string& name : {whose, whose + phase, whose + phase + tensor, whose + ".all" + tensor}) {
      values[name] += bytes;
    }
  }
}

}  // namespace

PointValues PointValues::read(const std::string& folder) {
  const auto file = [&](const char* name) { return (std::filesystem::path(folder) / name).string(); };
  PointValues values;
  const std::string summary = file("summary.json"), stats = file("stats.json"), traffic = file("traffic.csv");
  try {
    add_leaves(Json::parse(text_of(summary)), "summary", values.values_);
    const Json counted = Json::parse(text_of(stats));
    for (const auto& [path, stat] : counted.items()) {
      values.values_[path] = stat.at("value").get<double>();
    }
    add_traffic(text_of(traffic), traffic, values.values_);
  } catch (const Json::exception& error) {
    throw InputError(fmt::format("{}: is no folder of a run: {}", folder, error.what()));
  } catch (const std::logic_error&) {  // std::stod
    throw InputError(fmt::format("{}: is no table of traffic", traffic));
  }
  return values;
}

std::optional<double> PointValues::find(const std::string& name) const {
  const auto found = values_.find(name);
  if (found == values_.end()) return std::nullopt;
  return found->second;
}

std::string PointValues::suggest(const std::string& name) const {
  std::vector<std::string> known;
  for (const auto& [path, value] : values_) known.push_back(path);
  const std::string near = nearest_name(name, known);
  return near.empty() ? "" : "; did you mean '" + near + "'?";
}

}  // namespace backboard
