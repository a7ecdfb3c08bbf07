// How kernel benchmarks take time.
#pragma once

#include <time.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <vector>

#include "platform/check/check.h"

namespace backboard::npu {

/// CPU time of this thread: what one core takes, also on a machine that is busy with other work.
inline double cpu_seconds() {
  timespec now{};
  BB_CHECK(clock_gettime(CLOCK_THREAD_CPUTIME_ID, &now) == 0);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// Median time of run(), called for `seconds` and at least three times, after calls to warm up. Short ones are called
/// several times between two looks at the clock, which take microseconds.
template <class Run>
double median_seconds(double seconds, Run&& run) {
  constexpr double kLeastSample_s = 2e-4;
  run();
  double start = cpu_seconds();
  run();
  const double once = std::max(cpu_seconds() - start, 1e-6);
  const uint32_t calls = std::max(1u, static_cast<uint32_t>(kLeastSample_s / once));
  std::vector<double> times;
  for (double total = 0; total < seconds || times.size() < 3;) {
    start = cpu_seconds();
    for (uint32_t i = 0; i < calls; ++i) run();
    const double sample = cpu_seconds() - start;
    times.push_back(sample / calls);
    total += sample;
  }
  std::nth_element(times.begin(), times.begin() + static_cast<ptrdiff_t>(times.size() / 2), times.end());
  return times[times.size() / 2];
}

/// Measures all rows in kRounds rounds over the whole table and hands over each one in the last round. On a shared
/// server neighbours slow whole seconds: a row that is measured in one go would have met all of them or none. Each row
/// keeps the least median of its rounds, each of `seconds` / kRounds.
constexpr int kRounds = 3;
template <class Row, class Measure, class Done>
void measure_in_rounds(std::vector<Row>& rows, double seconds, Measure&& measure, Done&& done) {
  for (int round = 1; round <= kRounds; ++round) {
    for (Row& row : rows) {
      measure(row, seconds / kRounds);
      if (round == kRounds) done(row);
    }
  }
}

/// The least time of several measurements; nothing before the first.
class LeastTime {
 public:
  void take(double seconds) { seconds_ = std::min(seconds_, seconds); }
  double seconds() const { return seconds_; }

 private:
  double seconds_ = std::numeric_limits<double>::infinity();
};

}  // namespace backboard::npu
