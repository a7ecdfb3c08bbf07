// Thresholds of lnpu by class of tensor.
#include <fmt/format.h>

#include <algorithm>
#include <cmath>

#include "platform/config/config.h"
#include "platform/experiment/search.h"

namespace backboard {
namespace {

// FP16's largest value and FP8's smallest, as powers of two.
constexpr double kHighest_log2 = 16.0, kLowest_log2 = -24.0;

Overrides thresholds_of(const std::vector<std::string>& classes, const std::vector<double>& log2) {
  Overrides set;
  const auto origin = std::make_shared<const std::string>("search");
  for (size_t i = 0; i < classes.size(); ++i) {
    // 65504 is the highest that a run file takes.
    YamlNode value = YamlNode::scalar(fmt::format("{:.9g}", std::min(std::exp2(log2[i]), 65504.0)));
    value.place = {origin, 0};
    set.items.push_back({"compile.thresholds." + classes[i], std::move(value)});
  }
  return set;
}

/// What is known of one class: shares are above the target at `low`, at most it at `high`.
struct Bracket {
  double low = kLowest_log2, high = kHighest_log2;
  double best_log2 = 0, best_share = 0, best_distance = 2.0;
};

}  // namespace

ThresholdResult search_thresholds(const ThresholdSearch& config, Trials& trials) {
  std::vector<std::string> values;
  for (const std::string& name : config.classes) values.push_back(fmt::format("npu.produced.{}.high_share", name));
  std::vector<Bracket> brackets(config.classes.size());
  ThresholdResult result;
  const auto within = [&] {
    for (const Bracket& bracket : brackets) {
      if (bracket.best_distance > config.tolerance) return false;
    }
    return true;
  };
  while (result.rounds < config.rounds && !within()) {
    ++result.rounds;
    std::vector<Candidate> candidates;
    std::vector<std::vector<double>> tried;
    for (uint32_t p = 1; p <= config.points; ++p) {
      std::vector<double> log2;
      for (const Bracket& b : brackets) log2.push_back(b.low + (b.high - b.low) * p / (config.points + 1));
      candidates.push_back({fmt::format("round{}-{}", result.rounds, p), thresholds_of(config.classes, log2)});
      tried.push_back(std::move(log2));
    }
    const auto shares = trials.run(candidates, values);
    for (size_t i = 0; i < brackets.size(); ++i) {
      Bracket& bracket = brackets[i];
      for (size_t p = 0; p < tried.size(); ++p) {
        if (!shares[p][i]) throw SearchFailure(fmt::format("a trial of the search has no {}", values[i]));
        const double share = *shares[p][i], distance = std::abs(share - config.share);
        if (distance < bracket.best_distance) {
          bracket.best_distance = distance;
          bracket.best_log2 = tried[p][i];
          bracket.best_share = share;
        }
        if (share > config.share) bracket.low = std::max(bracket.low, tried[p][i]);
        if (share <= config.share) bracket.high = std::min(bracket.high, tried[p][i]);
      }
      // Other classes move too: a share need not fall from point to point.
      if (bracket.low > bracket.high) std::swap(bracket.low, bracket.high);
    }
  }
  for (size_t i = 0; i < brackets.size(); ++i) {
    const Bracket& b = brackets[i];
    result.classes.push_back(
        {config.classes[i], std::exp2(b.best_log2), b.best_share, b.best_distance <= config.tolerance});
  }
  return result;
}

std::string found_yaml(const ThresholdResult& result) {
  YamlNode root = YamlNode::mapping();
  for (const ThresholdResult::Found& found : result.classes) {
    set_yaml(root, "compile.thresholds." + found.name, YamlNode::scalar(fmt::format("{:.9g}", found.threshold)));
  }
  return write_yaml(root);
}

}  // namespace backboard
