// Marks that a headline must make over its seeds, written down before these run.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

namespace backboard {

/// What the values of a headline over seeds must show; the values are what is lost, pair by pair.
enum class Mark : uint8_t {
  none,
  loses,  ///< the mean is above zero by more than two of its standard errors
  keeps,  ///< the mean is within two standard errors, or within the tolerance, and the sign test sees no loss
};

/// Fewer values than these say nothing.
constexpr size_t kLeastMarkSeeds = 5;

/// One-sided level of the sign test.
constexpr double kSignLevel = 0.025;

/// Standard error of a mean: the standard deviation (n - 1) over the root of n; 0 of fewer than two values.
double standard_error(std::span<const double> values);

/// Chance that of `tosses` fair coins at least `heads` come up heads.
double sign_chance(uint32_t heads, uint32_t tosses);

/// A mark held against the values.
struct MarkResult {
  double mean = 0.0, error = 0.0;  ///< and standard error of the mean
  uint32_t above = 0, below = 0;   ///< values above and below zero; zeros count for neither
  double chance = 1.0;             ///< sign_chance(above, above + below)
  bool judged = false;             ///< false: no mark, or fewer values than kLeastMarkSeeds
  bool holds = false;
};

/// `tolerance` is of `keeps`, in the headline's unit.
MarkResult judge(Mark mark, double tolerance, std::span<const double> values);

/// "1.71 +- 0.26, above zero in 10 of 10, by chance 0.001: loses, holds".
std::string mark_text(Mark mark, const MarkResult& result);

}  // namespace backboard
