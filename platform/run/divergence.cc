#include "platform/run/divergence.h"

#include <fmt/format.h>

#include <cmath>
#include <filesystem>
#include <limits>
#include <map>
#include <nlohmann/json.hpp>

#include "platform/check/input_error.h"
#include "platform/check/read_file.h"
#include "sw/npz/npz.h"

namespace backboard {
namespace {

std::optional<Array> recorded(const std::string& folder, const CommandRow& row) {
  const std::string path = (std::filesystem::path(folder) / tensor_file(row)).string();
  if (!std::filesystem::exists(path)) return std::nullopt;
  const std::vector<uint8_t> bytes = read_file(path);
  return parse_npy(bytes, path);
}

/// "(0, 3, 5, 7)" of a shape in C order.
std::string position(const std::vector<uint64_t>& shape, uint64_t element) {
  std::string text;
  for (size_t i = shape.size(); i-- > 0; element /= shape[i]) {
    text = fmt::format("{}{}{}", element % shape[i], text.empty() ? "" : ", ", text);
  }
  return "(" + text + ")";
}

/// Elements decide: the largest difference over A's largest magnitude. Unequal infinities or NaN count as infinite.
void compare_elements(const Array& a, const Array& b, const std::string& where, Parting& parting) {
  if (a.shape != b.shape) throw InputError(where + ": the runs recorded it in different shapes");
  double largest = 0, difference = 0;
  uint64_t worst = 0;
  for (uint64_t i = 0; i < a.elements(); ++i) {
    const double x = a.at(i), y = b.at(i);
    if (std::isfinite(x)) largest = std::max(largest, std::abs(x));
    const bool same = x == y || (std::isnan(x) && std::isnan(y));
    const double apart = same ? 0.0 : std::abs(x - y);
    const double d = std::isfinite(apart) ? apart : std::numeric_limits<double>::infinity();
    if (d > difference) difference = d, worst = i;
  }
  parting.by_elements = true;
  parting.difference = difference == 0 ? 0 : difference / std::max(largest, std::numeric_limits<double>::min());
  parting.element = fmt::format("{} {:.9g} and {:.9g}", position(a.shape, worst), a.at(worst), b.at(worst));
}

/// |A - B| >= | |A| - |B| | in the Euclidean norm: what the norms alone prove of the relative difference.
double norm_difference(const CommandRow& a, const CommandRow& b) {
  if (a.nonfinite != b.nonfinite) return std::numeric_limits<double>::infinity();
  const double apart = std::abs(a.norm - b.norm);
  return apart == 0 ? 0 : apart / std::max(a.norm, std::numeric_limits<double>::min());
}

bool part(const std::string& folder_a, const std::string& folder_b, const DivergenceRule& rule, Parting& parting) {
  const CommandRow &a = parting.a, &b = parting.b;
  if (a.shape != b.shape) {
    parting.difference = std::numeric_limits<double>::infinity();
    return true;
  }
  if (rule.bytes && (a.format != b.format || a.bytes_digest != b.bytes_digest)) return true;
  if (a.values_digest == b.values_digest) return false;
  const std::optional<Array> x = recorded(folder_a, a), y = recorded(folder_b, b);
  if (x && y) {
    compare_elements(*x, *y, tensor_file(a), parting);
  } else {
    parting.difference = norm_difference(a, b);
  }
  return rule.tolerance == 0 || parting.difference > rule.tolerance;
}

std::string describe(const char* run, const CommandRow& row) {
  return fmt::format("  {}: command {}, {} of layer {}, {} to {} us: {} {} ({}), norm {:.9g}, largest {:.9g}{}\n", run,
                     row.command, row.opcode, row.layer, static_cast<double>(row.start_ps) / 1e6,
                     static_cast<double>(row.end_ps) / 1e6, row.format, row.shape, row.tensor_class, row.norm,
                     row.largest, row.nonfinite == 0 ? "" : fmt::format(", {} not finite", row.nonfinite));
}

nlohmann::ordered_json json_of(const CommandRow& row) {
  return {{"command", row.command},   {"opcode", row.opcode},      {"layer", row.layer},
          {"start_ps", row.start_ps}, {"end_ps", row.end_ps},      {"class", row.tensor_class},
          {"format", row.format},     {"shape", row.shape},        {"norm", row.norm},
          {"largest", row.largest},   {"nonfinite", row.nonfinite}};
}

}  // namespace

Divergence compare_runs(const std::string& a, const std::string& b, const DivergenceRule& rule, size_t list) {
  const std::vector<CommandRow> rows_a = read_command_log((std::filesystem::path(a) / "commands.csv").string());
  const std::vector<CommandRow> rows_b = read_command_log((std::filesystem::path(b) / "commands.csv").string());
  std::map<std::string, std::vector<size_t>> writings;  // of B, by tensor
  for (size_t i = 0; i < rows_b.size(); ++i) writings[rows_b[i].tensor].push_back(i);
  std::map<std::string, uint64_t> seen;
  Divergence result;
  for (const CommandRow& row : rows_a) {
    const uint64_t occurrence = seen[row.tensor]++;
    const auto found = writings.find(row.tensor);
    if (found == writings.end() || occurrence >= found->second.size()) {
      ++result.only_a;
      continue;
    }
    Parting parting{.a = row, .b = rows_b[found->second[occurrence]], .occurrence = occurrence + 1, .element = {}};
    ++result.compared;
    if (!part(a, b, rule, parting)) {
      result.other_bytes += row.values_digest == parting.b.values_digest && row.bytes_digest != parting.b.bytes_digest;
      continue;
    }
    if (result.parted++ < list) result.partings.push_back(std::move(parting));
  }
  result.only_b = rows_b.size() - result.compared;
  if (result.compared == 0) throw InputError(fmt::format("{} and {}: no tensor was written in both runs", a, b));
  return result;
}

std::string divergence_report(const Divergence& divergence, const DivergenceRule& rule) {
  const std::string what = rule.bytes            ? "bytes"
                           : rule.tolerance == 0 ? "values"
                                                 : fmt::format("values within {:g}", rule.tolerance);
  std::string text;
  for (const Parting& p : divergence.partings) {
    text += fmt::format("{} (written the {}. time) parts, by {:.3g} of its largest{}\n", p.a.tensor, p.occurrence,
                        p.difference, p.by_elements ? "" : " at least, as the norms tell");
    text += describe("A", p.a) + describe("B", p.b);
    if (!p.element.empty()) text += fmt::format("  largest difference at {}\n", p.element);
  }
  if (!divergence.partings.empty() && !divergence.partings.front().by_elements) {
    const Parting& first = divergence.partings.front();
    text += fmt::format(
        "  to compare elements, record command {} of A and {} of B: --set record.tensors_first=N --set "
        "record.tensors_count=1\n",
        first.a.command, first.b.command);
  }
  text += fmt::format("{} of {} tensors written part; equal means the same {}", divergence.parted, divergence.compared,
                      what);
  if (divergence.other_bytes != 0) text += fmt::format("; {} with equal values in other bytes", divergence.other_bytes);
  if (divergence.only_a + divergence.only_b != 0) {
    text += fmt::format("; without a partner: {} of A, {} of B", divergence.only_a, divergence.only_b);
  }
  return text + "\n";
}

std::string divergence_json(const Divergence& divergence) {
  nlohmann::ordered_json json = {
      {"compared", divergence.compared}, {"parted", divergence.parted}, {"other_bytes", divergence.other_bytes},
      {"only_a", divergence.only_a},     {"only_b", divergence.only_b}, {"partings", nlohmann::ordered_json::array()}};
  for (const Parting& p : divergence.partings) {
    json["partings"].push_back({{"tensor", p.a.tensor},
                                {"occurrence", p.occurrence},
                                {"difference", p.difference},
                                {"by_elements", p.by_elements},
                                {"element", p.element},
                                {"a", json_of(p.a)},
                                {"b", json_of(p.b)}});
  }
  return json.dump(2) + "\n";
}

}  // namespace backboard
