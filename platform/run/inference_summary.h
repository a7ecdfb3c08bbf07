// What inference beside a training came to: latencies, answers, what it cost the training.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "drivers/plan/inference_block.h"
#include "platform/run/run_config.h"

namespace backboard {

struct RunSummary;

/// Latencies are from the time at which a request was due to its answer, of the requests that came while the training
/// ran, or of all when there was no training. Percentiles are nearest ranks.
struct InferenceSummary {
  std::string priority;
  double every_us = 0.0;
  uint64_t requests = 0;  ///< asked for
  uint64_t served = 0;
  uint64_t beside = 0;  ///< the first so many came while the training ran
  double p50_us = 0.0, p99_us = 0.0, largest_us = 0.0;
  uint64_t most_waiting = 0;  ///< at once, the one that is served included
  uint64_t refreshes = 0;     ///< times that weights of the training were taken over
  uint64_t images = 0, correct = 0;
  std::string digest;  ///< of all answers in their order

  double accuracy() const {
    return images == 0 ? 0.0 : 100.0 * static_cast<double>(correct) / static_cast<double>(images);
  }
  bool operator==(const InferenceSummary&) const = default;
};

/// What the firmware wrote; ticks are those of a clock of `clock_hz`. Nothing when the block was never begun. Throws
/// InputError when it holds what no firmware of this version writes.
std::optional<InferenceSummary> inference_from(const inference_result& result, const InferenceConfig& config,
                                               uint64_t clock_hz);
/// inference.csv: request, whether it came beside the training, latency.
std::string inference_csv(const inference_result& result, uint64_t clock_hz);

/// One line for a person.
std::string inference_text(const InferenceSummary& summary);
/// The table of all points with inference, a line each; empty when there are none. The training's slow-down is against
/// the first point with the same engine and subset that trains without inference.
std::string inference_table(std::span<const RunSummary> points);

}  // namespace backboard
