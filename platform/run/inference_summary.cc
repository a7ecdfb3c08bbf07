#include "platform/run/inference_summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <vector>

#include "platform/check/input_error.h"
#include "platform/run/summary.h"

namespace backboard {
namespace {

const char* name_of(InferenceConfig::Priority priority) {
  switch (priority) {
    case InferenceConfig::Priority::high:
      return "high";
    case InferenceConfig::Priority::equal:
      return "equal";
    case InferenceConfig::Priority::low:
      return "low";
  }
  return "";
}

double microseconds(uint32_t ticks, uint64_t clock_hz) {
  return static_cast<double>(ticks) * 1e6 / static_cast<double>(clock_hz);
}

std::string time_text(double us) {
  return us < 10'000.0 ? fmt::format("{:.1f} us", us) : fmt::format("{:.2f} ms", us / 1e3);
}

/// The training of the same engine and subset with nothing beside it.
const RunSummary* undisturbed(std::span<const RunSummary> points, const RunSummary& point) {
  for (const RunSummary& other : points) {
    if (!other.inference && other.training_seconds > 0 && other.engine == point.engine &&
        other.timing == point.timing && other.subset == point.subset)
      return &other;
  }
  return nullptr;
}

std::string training_text(const RunSummary& point) {
  return point.training_seconds > 0 ? fmt::format("{:.3f} ms", 1e3 * point.training_seconds) : "-";
}

std::string slow_down_text(std::span<const RunSummary> points, const RunSummary& point) {
  const RunSummary* alone = undisturbed(points, point);
  if (alone == nullptr || point.training_seconds == 0) return "-";
  return fmt::format("{:.3f}", point.training_seconds / alone->training_seconds);
}

}  // namespace

std::optional<InferenceSummary> inference_from(const inference_result& result, const InferenceConfig& config,
                                               uint64_t clock_hz) {
  if (result.magic == 0) return std::nullopt;
  if (result.magic != INFERENCE_RESULT_MAGIC || result.version != INFERENCE_VERSION)
    throw InputError(
        fmt::format("the firmware's inference block has magic {:#x} and version {}", result.magic, result.version));
  if (result.served > config.requests || result.beside > result.served)
    throw InputError(fmt::format("the firmware's inference block counts {} answers and {} beside the training, of {}",
                                 result.served, result.beside, config.requests));
  InferenceSummary summary;
  summary.priority = name_of(config.priority);
  summary.every_us = static_cast<double>(config.every_ps) / 1e6;
  summary.requests = config.requests;
  summary.served = result.served;
  summary.beside = result.beside;
  summary.most_waiting = result.most_waiting;
  summary.refreshes = result.refreshes;
  summary.images = result.images;
  summary.correct = result.correct;
  summary.digest = fmt::format("{:08x}", result.digest);
  const uint32_t counted = result.beside != 0 ? result.beside : result.served;
  if (counted == 0) return summary;
  std::vector<uint32_t> sorted(result.latency_ticks, result.latency_ticks + counted);
  std::sort(sorted.begin(), sorted.end());
  summary.p50_us = microseconds(sorted[inference_rank(counted, 50)], clock_hz);
  summary.p99_us = microseconds(sorted[inference_rank(counted, 99)], clock_hz);
  summary.largest_us = microseconds(sorted.back(), clock_hz);
  return summary;
}

std::string inference_csv(const inference_result& result, uint64_t clock_hz) {
  std::string text = "request,beside_training,latency_us\n";
  for (uint32_t i = 0; i < std::min(result.served, INFERENCE_MAX_REQUESTS); ++i) {
    text +=
        fmt::format("{},{},{:.1f}\n", i, i < result.beside ? 1 : 0, microseconds(result.latency_ticks[i], clock_hz));
  }
  return text;
}

std::string inference_text(const InferenceSummary& s) {
  return fmt::format(
      "{} of {} requests every {}, priority {}, {} beside training: p50 {}, p99 {}, largest {}, at most {} "
      "waiting, {} refreshes; {:.2f} % correct, digest {}",
      s.served, s.requests, time_text(s.every_us), s.priority, s.beside, time_text(s.p50_us), time_text(s.p99_us),
      time_text(s.largest_us), s.most_waiting, s.refreshes, s.accuracy(), s.digest);
}

std::string inference_table(std::span<const RunSummary> points) {
  constexpr const char* kRow = "{:<16} {:<9} {:>8} {:>8} {:>7} {:>11} {:>11} {:>11} {:>7} {:>9} {:>8} {:>12} {:>9}\n";
  std::string out;
  for (const RunSummary& point : points) {
    if (!point.inference) {
      if (point.training_seconds > 0 &&
          std::any_of(points.begin(), points.end(), [](const RunSummary& p) { return p.inference.has_value(); })) {
        out += fmt::format(kRow, point.variant, point.engine, "-", "-", "-", "-", "-", "-", "-", "-", "-",
                           training_text(point), slow_down_text(points, point));
      }
      continue;
    }
    const InferenceSummary& s = *point.inference;
    out += fmt::format(kRow, point.variant.empty() ? "-" : point.variant, point.engine, s.priority, s.served, s.beside,
                       time_text(s.p50_us), time_text(s.p99_us), time_text(s.largest_us), s.most_waiting,
                       fmt::format("{:.2f} %", s.accuracy()), s.digest, training_text(point),
                       slow_down_text(points, point));
  }
  if (out.empty()) return out;
  return "inference beside training: latency from arrival to answer, and what it costs the training\n" +
         fmt::format(kRow, "variant", "engine", "priority", "requests", "beside", "p50", "p99", "largest", "waiting",
                     "correct", "answers", "training", "slow-down") +
         out;
}

}  // namespace backboard
