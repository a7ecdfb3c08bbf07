#include "platform/experiment/experiment_config.h"

#include <fmt/format.h>

#include <algorithm>

#include "platform/config/suggest.h"
#include "platform/experiment/config_rules.h"
#include "platform/experiment/formula.h"
#include "platform/run/run_config.h"

namespace backboard {
namespace {

constexpr size_t kMostPoints = 256;

void check_name(const std::string& key, const std::string& name) {
  if (!plain_name(name)) throw ConfigRule(key, "must be letters, digits and _-+.: only");
}

/// Each of `items` has a plain name of its own; `key` is that of the list.
template <class T>
void check_names(const std::string& key, const std::vector<T>& items) {
  for (size_t i = 0; i < items.size(); ++i) {
    const std::string place = fmt::format("{}.{}.name", key, i);
    check_name(place, items[i].name);
    for (size_t j = 0; j < i; ++j) {
      if (items[j].name == items[i].name) throw ConfigRule(place, "another one has this name");
    }
  }
}

void check_set(const std::string& key, const Overrides& set) {
  check_set(key, set, "an experiment");
}

/// Cases of an axis or a sensitivity, the list `key`.
void check_cases(const std::string& key, const std::vector<NamedOverrides>& cases) {
  if (cases.empty()) throw ConfigRule(key, "is missing");
  check_names(key, cases);
  for (const NamedOverrides& one : cases) check_set(key, one.set);
}

Formula parse_formula(const std::string& key, const std::string& text) {
  if (text.empty()) throw ConfigRule(key, "a formula is missing");
  try {
    return Formula(text);
  } catch (const FormulaError& error) {
    throw ConfigRule(key, error.what());
  }
}

template <class T>
std::vector<std::string> names_of(const std::vector<T>& items) {
  std::vector<std::string> names;
  for (const T& item : items) names.push_back(item.name);
  return names;
}

bool contains(const std::vector<std::string>& names, const std::string& name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

void check_headline(const std::string& key, const HeadlineConfig& headline, const std::vector<std::string>& metrics,
                    const std::vector<std::string>& points) {
  if (headline.name.empty()) throw ConfigRule(key + ".name", "is missing");
  const std::string value = key + ".value";
  const Formula formula = parse_formula(value, headline.value);
  for (const Formula::Reference& reference : formula.references()) {
    if (!contains(metrics, reference.name)) {
      throw ConfigRule(value,
                       fmt::format("there is no metric '{}'{}", reference.name, suggestion(reference.name, metrics)));
    }
    if (reference.point.empty()) throw ConfigRule(value, fmt::format("of which point? {}[POINT]", reference.name));
    if (!contains(points, reference.point)) {
      throw ConfigRule(value,
                       fmt::format("there is no point '{}'{}", reference.point, suggestion(reference.point, points)));
    }
  }
  if (headline.published && headline.source.empty()) throw ConfigRule(key + ".source", "a published figure needs one");
  if (headline.tolerance != 0.0 && headline.mark != Mark::keeps)
    throw ConfigRule(key + ".tolerance", "is of mark: keeps");
}

}  // namespace

void ExperimentConfig::check() const {
  if (!name.empty()) check_name("name", name);
  check_set("set", set);
  check_set("quick.set", quick.set);
  check_seeds(seeds, seed_keys);
  check_distinct("quick.seeds", quick.seeds);
  if (points.empty() == axes.empty()) throw ConfigRule("points", "an experiment has points or axes, one of them");
  check_names("points", points);
  size_t combinations = axes.empty() ? points.size() : 1;
  for (size_t i = 0; i < axes.size(); ++i) {
    check_cases(fmt::format("axes.{}.cases", i), axes[i].cases);
    combinations *= axes[i].cases.size();
    if (combinations > kMostPoints) throw ConfigRule("axes", fmt::format("more than {} points", kMostPoints));
  }
  const std::vector<PointConfig> all = all_points();
  for (size_t i = 0; i < points.size(); ++i) {
    check_set(fmt::format("points.{}.set", i), points[i].set);
    if (points[i].run.empty() && run.empty()) throw ConfigRule(fmt::format("points.{}.run", i), "no run file is named");
  }
  if (!axes.empty() && run.empty()) throw ConfigRule("run", "is missing");
  check_names("metrics", metrics);
  for (size_t i = 0; i < metrics.size(); ++i) {
    const std::string key = fmt::format("metrics.{}.value", i);
    const Formula formula = parse_formula(key, metrics[i].value);
    for (const Formula::Reference& reference : formula.references()) {
      if (!reference.point.empty()) throw ConfigRule(key, "a metric is of one point: no '[...]'");
    }
  }
  const std::vector<std::string> point_names = names_of(all), metric_names = names_of(metrics);
  for (size_t i = 0; i < headlines.size(); ++i) {
    const std::string key = fmt::format("headlines.{}", i);
    check_headline(key, headlines[i], metric_names, point_names);
    if (headlines[i].mark != Mark::none && seeds.size() < kLeastMarkSeeds)
      throw ConfigRule(key + ".mark", fmt::format("needs {} seeds", kLeastMarkSeeds));
  }
  for (size_t i = 0; i < sensitivities.size(); ++i) {
    const std::string key = fmt::format("sensitivities.{}", i);
    if (sensitivities[i].name.empty()) throw ConfigRule(key + ".name", "is missing");
    check_cases(key + ".cases", sensitivities[i].cases);
    for (const std::string& point : sensitivities[i].points) {
      if (!contains(point_names, point)) {
        throw ConfigRule(key + ".points",
                         fmt::format("there is no point '{}'{}", point, suggestion(point, point_names)));
      }
    }
  }
}

std::vector<PointConfig> ExperimentConfig::all_points() const {
  if (axes.empty()) return points;
  std::vector<PointConfig> all{PointConfig{}};
  for (const AxisConfig& axis : axes) {
    std::vector<PointConfig> longer;
    for (const PointConfig& point : all) {
      for (const NamedOverrides& one : axis.cases) {
        PointConfig next = point;
        next.name += (next.name.empty() ? "" : "-") + one.name;
        next.set.items.insert(next.set.items.end(), one.set.items.begin(), one.set.items.end());
        longer.push_back(std::move(next));
      }
    }
    all = std::move(longer);
  }
  return all;
}

}  // namespace backboard
