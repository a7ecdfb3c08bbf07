#include "platform/run/expectations.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace backboard {
namespace {

std::string prefix_of(const std::string& variant) {
  return variant.empty() ? "" : variant + ": ";
}

void check_mean(const ExpectConfig& expect, const VariantMean& mean, std::vector<std::string>& unmet) {
  const std::string prefix = prefix_of(mean.variant);
  const bool asked = expect.accuracy_after_min || expect.accuracy_gain_min || expect.error_halves;
  if (!asked) return;
  if (!mean.accuracy_after) {
    unmet.push_back(prefix + "an accuracy after training is expected, and there is none");
    return;
  }
  const double after = *mean.accuracy_after;
  if (expect.accuracy_after_min && after < *expect.accuracy_after_min) {
    unmet.push_back(fmt::format("{}accuracy after is {:.2f} %, expected at least {:.2f} %", prefix, after,
                                *expect.accuracy_after_min));
  }
  if (!expect.accuracy_gain_min && !expect.error_halves) return;
  if (!mean.accuracy_before) {
    unmet.push_back(prefix + "an accuracy before training is expected, and there is none");
    return;
  }
  const double before = *mean.accuracy_before;
  if (expect.accuracy_gain_min && after - before < *expect.accuracy_gain_min) {
    unmet.push_back(fmt::format("{}accuracy gained {:.2f} points, expected at least {:.2f}", prefix, after - before,
                                *expect.accuracy_gain_min));
  }
  if (expect.error_halves && 100.0 - after > (100.0 - before) / 2.0) {
    unmet.push_back(fmt::format("{}the error went from {:.2f} % to {:.2f} %, expected at most half", prefix,
                                100.0 - before, 100.0 - after));
  }
}

}  // namespace

std::vector<std::string> unmet_by_point(const ExpectConfig& expect, const RunSummary& point, const std::string& uart) {
  std::vector<std::string> unmet;
  if (expect.findings_max && point.findings > *expect.findings_max) {
    unmet.push_back(fmt::format("{} findings, expected at most {}", point.findings, *expect.findings_max));
  }
  if (!expect.uart_contains.empty() && uart.find(expect.uart_contains) == std::string::npos) {
    unmet.push_back(fmt::format("the UART did not show '{}'", expect.uart_contains));
  }
  return unmet;
}

std::vector<std::string> unmet_by_means(const RunPlan& plan, std::span<const RunSummary> points) {
  std::vector<std::string> unmet;
  const std::vector<VariantMean> means = means_of(points);
  for (const VariantMean& mean : means) {
    const auto point = std::find_if(plan.points.begin(), plan.points.end(),
                                    [&](const RunPoint& p) { return p.variant == mean.variant; });
    if (point != plan.points.end()) check_mean(point->config.expect, mean, unmet);
  }
  const auto after = [&](const std::string& variant) -> std::optional<double> {
    for (const VariantMean& mean : means) {
      if (mean.variant == variant) return mean.accuracy_after;
    }
    return std::nullopt;
  };
  for (const CompareConfig& compare : plan.config.compare) {
    const auto one = after(compare.variant);
    const auto other = after(compare.with);
    if (!one || !other) {
      unmet.push_back(fmt::format("{} and {} cannot be compared: no accuracy", compare.variant, compare.with));
    } else if (std::abs(*one - *other) > compare.accuracy_within) {
      unmet.push_back(fmt::format("{} ({:.2f} %) and {} ({:.2f} %) differ by more than {:.2f} points", compare.variant,
                                  *one, compare.with, *other, compare.accuracy_within));
    }
  }
  return unmet;
}

}  // namespace backboard
