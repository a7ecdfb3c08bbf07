#include "platform/experiment/mark.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>

namespace backboard {
namespace {

double mean_of(std::span<const double> values) {
  double sum = 0.0;
  for (const double value : values) sum += value;
  return values.empty() ? 0.0 : sum / static_cast<double>(values.size());
}

}  // namespace

double standard_error(std::span<const double> values) {
  if (values.size() < 2) return 0.0;
  const double mean = mean_of(values), count = static_cast<double>(values.size());
  double squares = 0.0;
  for (const double value : values) squares += (value - mean) * (value - mean);
  return std::sqrt(squares / (count - 1) / count);
}

double sign_chance(uint32_t heads, uint32_t tosses) {
  double ways = 1.0, chance = 0.0;  // ways to choose k of the tosses
  for (uint32_t k = 0; k <= tosses; ++k) {
    if (k >= heads) chance += ways * std::ldexp(1.0, -static_cast<int>(tosses));
    ways = ways * (tosses - k) / (k + 1);
  }
  return std::min(chance, 1.0);
}

MarkResult judge(Mark mark, double tolerance, std::span<const double> values) {
  MarkResult result;
  result.mean = mean_of(values);
  result.error = standard_error(values);
  for (const double value : values) {
    result.above += value > 0.0;
    result.below += value < 0.0;
  }
  result.chance = sign_chance(result.above, result.above + result.below);
  result.judged = mark != Mark::none && values.size() >= kLeastMarkSeeds;
  if (!result.judged) return result;
  if (mark == Mark::loses) {
    result.holds = result.mean > 2.0 * result.error;
  } else {
    const bool small = std::abs(result.mean) <= std::max(2.0 * result.error, tolerance);
    result.holds = small && result.chance >= kSignLevel;
  }
  return result;
}

std::string mark_text(Mark mark, const MarkResult& result) {
  const char* name = mark == Mark::loses ? "loses" : "keeps";
  if (!result.judged) return fmt::format("{}: not judged on fewer than {} seeds", name, kLeastMarkSeeds);
  return fmt::format("{:.2f} +- {:.2f} (standard error), above zero in {} of {}, by chance {:.3f}: {}, {}", result.mean,
                     result.error, result.above, result.above + result.below, result.chance, name,
                     result.holds ? "holds" : "does not hold");
}

}  // namespace backboard
