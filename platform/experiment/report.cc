#include "platform/experiment/report.h"

#include <fmt/format.h>

#include <cmath>
#include <nlohmann/json.hpp>

#include "npu/area/area_constants.h"
#include "npu/engine/energy_constants.h"
#include "platform/config/config.h"

namespace backboard {
namespace {

using Json = nlohmann::ordered_json;

std::string number(double value) {
  const double size = std::abs(value);
  if (size != 0 && (size >= 1e7 || size < 1e-3)) return fmt::format("{:.4g}", value);
  if (size >= 1000) return fmt::format("{:.0f}", value);
  return fmt::format("{:.{}f}", value, size >= 100 ? 1 : size >= 10 ? 2 : 3);
}

std::string with_spread(const Statistic& statistic) {
  if (statistic.values.empty()) return "-";
  if (statistic.values.size() == 1) return number(statistic.mean());
  return number(statistic.mean()) + " +- " + number(statistic.spread());
}

bool holds(const HeadlineConfig& headline, double ours) {
  return headline.bound == Bound::at_most ? ours <= *headline.published : ours >= *headline.published;
}

MarkResult mark_of(const HeadlineConfig& headline, const HeadlineResult& result) {
  return judge(headline.mark, headline.tolerance, result.ours.values);
}

/// "+3.7", or whether a limit holds; "" without a published figure.
std::string beside_published(const HeadlineConfig& headline, double ours) {
  if (!headline.published) return "";
  if (headline.bound != Bound::about) return holds(headline, ours) ? "holds" : "does not hold";
  return fmt::format("{}{}", ours >= *headline.published ? "+" : "", number(ours - *headline.published));
}

/// What stands beside the published figure, and the mark.
std::string gap_text(const HeadlineConfig& headline, const HeadlineResult& result) {
  if (result.ours.values.empty()) return result.missing;
  const std::string gap = beside_published(headline, result.ours.mean());
  if (headline.mark == Mark::none) return gap;
  return (gap.empty() ? "" : gap + "; ") + mark_text(headline.mark, mark_of(headline, result));
}

std::string published_text(const HeadlineConfig& headline) {
  if (!headline.published) return "-";
  const char* limit = headline.bound == Bound::at_most ? "<= " : headline.bound == Bound::at_least ? ">= " : "";
  return limit + number(*headline.published);
}

std::string sensitivity_name(const ExperimentPlan& plan, const SensitivityResult& result) {
  const SensitivityConfig& sensitivity = plan.config.sensitivities[result.sensitivity];
  return sensitivity.name + ": " + sensitivity.cases[result.sensitivity_case].name;
}

Json statistic_json(const Statistic& statistic) {
  if (statistic.values.empty()) return nullptr;
  return {{"mean", statistic.mean()}, {"spread", statistic.spread()}, {"values", statistic.values}};
}

Json headline_json(const HeadlineConfig& headline, const HeadlineResult& result) {
  Json json;
  json["name"] = headline.name;
  json["unit"] = headline.unit;
  json["formula"] = headline.value;
  json["ours"] = statistic_json(result.ours);
  if (!result.missing.empty()) json["missing"] = result.missing;
  json["published"] = headline.published ? Json(*headline.published) : Json(nullptr);
  if (headline.published && !result.ours.values.empty()) {
    json["gap"] = result.ours.mean() - *headline.published;
    if (headline.bound != Bound::about) json["holds"] = holds(headline, result.ours.mean());
  }
  json["bound"] = headline.bound == Bound::about ? "about" : headline.bound == Bound::at_most ? "at_most" : "at_least";
  if (headline.mark != Mark::none) {
    const MarkResult mark = mark_of(headline, result);
    json["mark"] = {{"kind", headline.mark == Mark::loses ? "loses" : "keeps"},
                    {"tolerance", headline.tolerance},
                    {"standard_error", mark.error},
                    {"above", mark.above},
                    {"below", mark.below},
                    {"chance", mark.chance},
                    {"holds", mark.judged ? Json(mark.holds) : Json(nullptr)}};
  }
  json["source"] = headline.source;
  json["conditions"] = headline.conditions;
  json["remark"] = headline.remark;
  return json;
}

template <class T>
Json constants_json(const T& constants) {
  T copy = constants;
  Json json;
  const YamlNode dumped = FieldList::bind(copy)->dump();
  for (const YamlNode::Member& member : dumped.members) json[member.name] = member.value.text;
  return json;
}

/// Lines of a table: constant, value, meaning and source.
template <class T>
std::string constants_page(const T& constants, const char* prefix) {
  T copy = constants;
  const YamlNode dumped = FieldList::bind(copy)->dump();
  std::string text;
  for (const KeyDoc& doc : explain_config<T>()) {
    const YamlNode* value = dumped.find(doc.path);
    if (value) text += fmt::format("| `{}.{}` | {} | {} |\n", prefix, doc.path, value->text, doc.meaning);
  }
  return text;
}

const npu::EngineConfigs& engines_of(const ExperimentPlan& plan) {
  return plan.jobs.front().point.config.platform.npu.engines;
}

double host_seconds(const ExperimentResult& result) {
  double seconds = 0.0;
  for (const PointOutcome& outcome : result.outcomes) seconds += outcome.reused ? 0.0 : outcome.seconds;
  return seconds;
}

/// "cells of a line" as a row of a Markdown table.
std::string row(const std::vector<std::string>& cells) {
  std::string text = "|";
  for (const std::string& cell : cells) text += " " + cell + " |";
  return text + "\n";
}

std::string headlines_page(const ExperimentPlan& plan, const ExperimentResult& result) {
  if (plan.config.headlines.empty()) return "";
  std::string text =
      "\n## Beside the published figures\n\n| | unit | published | ours | gap |\n|---|---|---|---|---|\n";
  std::string notes;
  for (size_t i = 0; i < plan.config.headlines.size(); ++i) {
    const HeadlineConfig& headline = plan.config.headlines[i];
    text += row({headline.name, headline.unit, published_text(headline), with_spread(result.headlines[i].ours),
                 gap_text(headline, result.headlines[i])});
    notes += fmt::format("- **{}**: `{}`.", headline.name, headline.value);
    if (!headline.source.empty()) notes += " Published: " + headline.source + ".";
    if (!headline.conditions.empty()) notes += " Conditions: " + headline.conditions + ".";
    if (!headline.remark.empty()) notes += " " + headline.remark;
    notes += "\n";
  }
  return text + "\n" + notes;
}

std::string metrics_page(const ExperimentPlan& plan, const ExperimentResult& result) {
  std::vector<std::string> head{"point"};
  for (const MetricConfig& metric : plan.config.metrics) {
    head.push_back(metric.unit.empty() ? metric.name : fmt::format("{} ({})", metric.name, metric.unit));
  }
  std::string text = "\n## Points\n\n" + row(head) + "|";
  for (size_t i = 0; i < head.size(); ++i) text += "---|";
  text += "\n";
  for (size_t p = 0; p < plan.points.size(); ++p) {
    std::vector<std::string> cells{plan.points[p].name};
    for (const Statistic& statistic : result.metrics[p]) cells.push_back(with_spread(statistic));
    text += row(cells);
  }
  return text;
}

std::string sensitivities_page(const ExperimentPlan& plan, const ExperimentResult& result) {
  if (result.sensitivities.empty()) return "";
  std::vector<std::string> head{"changed"}, base{"nothing (first seed)"};
  for (size_t i = 0; i < plan.config.headlines.size(); ++i) {
    head.push_back(plan.config.headlines[i].name);
    const auto& values = result.headlines[i].ours.values;
    base.push_back(values.empty() ? "-" : number(values.front()));
  }
  std::string text = "\n## Sensitivities\n\n" + row(head) + "|";
  for (size_t i = 0; i < head.size(); ++i) text += "---|";
  text += "\n" + row(base);
  for (const SensitivityResult& one : result.sensitivities) {
    std::vector<std::string> cells{sensitivity_name(plan, one)};
    for (const HeadlineResult& headline : one.headlines) cells.push_back(with_spread(headline.ours));
    text += row(cells);
  }
  return text;
}

}  // namespace

std::string experiment_table(const ExperimentPlan& plan, const ExperimentResult& result) {
  std::string text = fmt::format("{}{}\n", plan.config.title.empty() ? plan.config.name : plan.config.title,
                                 plan.quick ? " (quick)" : "");
  if (!plan.config.headlines.empty()) {
    text += fmt::format("{:<44} {:>6} {:>12} {:>20}  {}\n", "", "unit", "published", "ours", "gap");
  }
  for (size_t i = 0; i < plan.config.headlines.size(); ++i) {
    const HeadlineConfig& headline = plan.config.headlines[i];
    text += fmt::format("{:<44} {:>6} {:>12} {:>20}  {}\n", headline.name, headline.unit, published_text(headline),
                        with_spread(result.headlines[i].ours), gap_text(headline, result.headlines[i]));
  }
  for (const SensitivityResult& one : result.sensitivities) {
    text += fmt::format("  with {}\n", sensitivity_name(plan, one));
    for (size_t i = 0; i < one.headlines.size(); ++i) {
      const HeadlineConfig& headline = plan.config.headlines[i];
      text += fmt::format("    {:<40} {:>6} {:>12} {:>20}\n", headline.name, headline.unit, "",
                          with_spread(one.headlines[i].ours));
    }
  }
  return text;
}

std::string experiment_json(const ExperimentPlan& plan, const ExperimentResult& result) {
  Json json;
  json["experiment"] = plan.config.name;
  json["title"] = plan.config.title;
  json["quick"] = plan.quick;
  json["conditions"] = plan.config.conditions;
  json["seeds"] = plan.seeds;
  json["headlines"] = Json::array();
  for (size_t i = 0; i < plan.config.headlines.size(); ++i) {
    json["headlines"].push_back(headline_json(plan.config.headlines[i], result.headlines[i]));
  }
  json["points"] = Json::array();
  for (size_t p = 0; p < plan.points.size(); ++p) {
    Json metrics;
    for (size_t m = 0; m < plan.config.metrics.size(); ++m) {
      metrics[plan.config.metrics[m].name] = statistic_json(result.metrics[p][m]);
    }
    json["points"].push_back({{"name", plan.points[p].name}, {"metrics", std::move(metrics)}});
  }
  json["sensitivities"] = Json::array();
  for (const SensitivityResult& one : result.sensitivities) {
    Json headlines;
    for (size_t i = 0; i < one.headlines.size(); ++i) {
      headlines[plan.config.headlines[i].name] = statistic_json(one.headlines[i].ours);
    }
    json["sensitivities"].push_back({{"changed", sensitivity_name(plan, one)}, {"headlines", std::move(headlines)}});
  }
  json["runs"] = Json::array();
  for (size_t i = 0; i < plan.jobs.size(); ++i) {
    const PointOutcome& outcome = result.outcomes[i];
    json["runs"].push_back({{"point", plan.jobs[i].label},
                            {"finished", outcome.finished},
                            {"folder", outcome.folder},
                            {"host_seconds", outcome.seconds},
                            {"failure", outcome.failure}});
  }
  json["constants"] = {{"energy", constants_json(engines_of(plan).energy)},
                       {"area", constants_json(engines_of(plan).area)}};
  json["failures"] = result.failures;
  return json.dump(2, ' ', false, nlohmann::json::error_handler_t::replace) + "\n";
}

std::string experiment_page(const ExperimentPlan& plan, const ExperimentResult& result) {
  std::string text = fmt::format("# {}\n\n{}{}\n\n", plan.config.title.empty() ? plan.config.name : plan.config.title,
                                 plan.config.conditions,
                                 plan.quick ? "\n\n**A quick look: fewer points than the experiment asks for.**" : "");
  text += fmt::format("{} runs, {} seed{} a point, {:.0f} s of the host. Mean +- standard deviation over seeds.\n",
                      plan.jobs.size(), plan.seed_count(), plan.seed_count() == 1 ? "" : "s", host_seconds(result));
  text += headlines_page(plan, result) + metrics_page(plan, result) + sensitivities_page(plan, result);
  if (!result.failures.empty()) text += "\n## What failed\n\n";
  for (const std::string& failure : result.failures) text += "- " + failure + "\n";
  text += "\n## Constants of the first point\n\n| key | value | |\n|---|---|---|\n";
  text += constants_page(engines_of(plan).energy, "npu.energy") + constants_page(engines_of(plan).area, "npu.area");
  return text;
}

}  // namespace backboard
