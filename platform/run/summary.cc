#include "platform/run/summary.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "npu/engine/table.h"
#include "platform/check/input_error.h"

namespace backboard {
namespace {

constexpr uint32_t kNotEvaluated = 0xffffffff;

std::optional<double> percent(uint32_t correct, uint32_t total) {
  if (total == 0 || correct == kNotEvaluated) return std::nullopt;
  return 100.0 * correct / total;
}

void add_mean(std::optional<double>& mean, const std::optional<double>& value, unsigned points) {
  if (!value) mean.reset();
  if (value && (mean || points == 0)) mean = mean.value_or(0.0) + *value;
}

std::string percent_text(const std::optional<double>& value) {
  return value ? fmt::format("{:.2f} %", *value) : "-";
}

std::string bytes_text(double bytes) {
  if (bytes >= 1e9) return fmt::format("{:.2f} GB", bytes / 1e9);
  if (bytes >= 1e6) return fmt::format("{:.2f} MB", bytes / 1e6);
  return fmt::format("{:.1f} kB", bytes / 1e3);
}

std::string seconds_text(double seconds) {
  return seconds < 1.0 ? fmt::format("{:.3f} ms", 1e3 * seconds) : fmt::format("{:.3f} s", seconds);
}

std::string energy_text(double microjoules) {
  return microjoules < 1000.0 ? fmt::format("{:.2f} uJ", microjoules) : fmt::format("{:.2f} mJ", microjoules / 1e3);
}

std::string cache_text(const char* name, const CacheSummary& cache) {
  const double rate =
      cache.accesses ? 100.0 * static_cast<double>(cache.hits) / static_cast<double>(cache.accesses) : 0.0;
  return fmt::format("{} {:.2f} % of {} hit, {} fills", name, rate, cache.accesses, cache.fills);
}

/// "" when there are none.
std::string caches_text(const RunSummary& s) {
  std::string text;
  if (s.icache) text = cache_text("code", *s.icache) + (s.icache->data ? "" : " (tags only)");
  if (!s.dcache) return text;
  if (s.icache) text += "; ";
  return text + cache_text("data", *s.dcache) +
         fmt::format(", {} write-backs, {} cbo{}", s.dcache->write_backs, s.dcache->maintenance,
                     s.dcache->data ? "" : " (tags only)");
}

std::string one_point_table(const RunSummary& s) {
  std::string out = fmt::format("{:<22}{}\n", "run", s.run);
  const auto row = [&](const char* name, const std::string& value) { out += fmt::format("{:<22}{}\n", name, value); };
  row("engine, timing", s.engine + ", " + s.timing);
  row("ended", s.reason);
  row("simulated time", seconds_text(s.simulated_seconds));
  row("host time", fmt::format("{:.1f} s", s.wall_seconds));
  row("core", fmt::format("{} instructions, {:.1f} MIPS", s.cpu_instructions, s.mips()));
  if (s.icache || s.dcache) row("caches", caches_text(s));
  row("NPU", fmt::format("{} commands, {} MAC ({} skipped), {} cycles busy, {} interrupts", s.npu_commands, s.npu_macs,
                         s.npu_macs_skipped, s.npu_busy_cycles, s.npu_interrupts));
  row("NPU energy", energy_text(s.npu_energy_uj));
  row("DRAM",
      fmt::format("{} read, {} written; {} of both by the core", bytes_text(static_cast<double>(s.dram_read_bytes)),
                  bytes_text(static_cast<double>(s.dram_write_bytes)),
                  bytes_text(static_cast<double>(s.core_dram_bytes))));
  row("findings", fmt::format("{}", s.findings));
  if (s.resets != 0) row("resets", fmt::format("{} by the guest", s.resets));
  if (s.training) {
    const TrainingSummary& t = *s.training;
    row("training",
        fmt::format("policy {}, {} epochs, {} steps, {} examples", t.policy, t.epochs, t.steps, t.examples));
    if (!t.loss.empty()) row("loss", fmt::format("{:.4f} first, {:.4f} last epoch", t.loss.front(), t.loss.back()));
    if (t.overflows + t.skipped != 0) {
      row("loss scale",
          fmt::format("{:g} last, {} overflows, {} updates left out", t.loss_scale, t.overflows, t.skipped));
    }
    if (t.bad_steps != 0) row("bad numbers", divergence_text(t).substr(1));
    row("accuracy before", percent_text(t.accuracy_before));
    row("accuracy after", percent_text(t.accuracy_after));
    if (s.training_seconds > 0) row("time of training", seconds_text(s.training_seconds));
  }
  if (s.inference) row("inference beside", inference_text(*s.inference));
  return out;
}

/// One line of the table of variants: names to the left, numbers to the right, the header as its columns.
std::string variants_row(const std::array<std::string, 10>& cells) {
  static constexpr std::array<int, 10> kWidth = {-16, -9, -7, 2, 8, 16, 11, 11, 10, 8};
  std::string line;
  for (size_t i = 0; i < cells.size(); ++i) {
    if (i != 0) line += ' ';
    line += kWidth[i] < 0 ? fmt::format("{:<{}}", cells[i], -kWidth[i]) : fmt::format("{:>{}}", cells[i], kWidth[i]);
  }
  return line + "\n";
}

std::string variants_table(std::span<const RunSummary> points) {
  std::string out =
      variants_row({"variant", "engine", "policy", "n", "before", "after", "simulated", "DRAM", "NPU energy", "host"});
  for (const VariantMean& mean : means_of(points)) {
    const std::string after = mean.points > 1 && mean.accuracy_after
                                  ? fmt::format("{:.2f} +- {:.2f} %", *mean.accuracy_after, mean.accuracy_after_spread)
                                  : percent_text(mean.accuracy_after);
    out += variants_row({mean.variant.empty() ? "-" : mean.variant, mean.engine, mean.policy,
                         fmt::format("{}", mean.points), percent_text(mean.accuracy_before), after,
                         seconds_text(mean.simulated_seconds), bytes_text(mean.dram_bytes),
                         energy_text(mean.npu_energy_uj), fmt::format("{:.1f} s", mean.wall_seconds)});
  }
  return out;
}

/// A line for each variant that is called like one engine and ran on another.
std::string engines_note(std::span<const RunSummary> points) {
  std::string out;
  for (const VariantMean& mean : means_of(points))
    if (mean.variant != mean.engine && npu::find_engine(mean.variant) != nullptr)
      out += fmt::format("note: variant {} ran on engine {}\n", mean.variant, mean.engine);
  return out;
}

}  // namespace

std::optional<TrainingSummary> training_from(const run_result& result, const std::string& policy,
                                             std::span<const std::string> tensors) {
  if (result.magic == 0) return std::nullopt;
  if (result.magic != RESULT_MAGIC || result.version != RUN_VERSION) {
    throw InputError(fmt::format("the firmware's result block has magic {:#x} and version {}; expected {:#x} and {}",
                                 result.magic, result.version, RESULT_MAGIC, RUN_VERSION));
  }
  if (result.loss_count > RUN_MAX_EPOCHS) {
    throw InputError(fmt::format("the firmware's result block counts {} losses", result.loss_count));
  }
  TrainingSummary training;
  training.policy = policy;
  training.examples = result.examples;
  training.epochs = result.epochs_done;
  training.steps = result.steps_done;
  training.overflows = result.overflows;
  training.skipped = result.skipped;
  training.bad_steps = result.bad_steps;
  training.first_bad_step = result.first_bad_step;
  if (result.first_bad_step != 0) {
    training.first_bad_tensor =
        result.first_bad_tensor < tensors.size() ? tensors[result.first_bad_tensor] : "the loss";
  }
  training.loss_scale = static_cast<double>(result.loss_scale);
  training.fgmp_share = static_cast<double>(result.fgmp_share);
  training.accuracy_before = percent(result.before_correct, result.before_total);
  training.accuracy_after = percent(result.after_correct, result.after_total);
  const uint32_t total = std::max(result.before_total, result.after_total);
  for (uint32_t epoch = 0; epoch < result.loss_count; ++epoch) {
    training.loss.push_back(static_cast<double>(result.loss[epoch]));
    training.accuracy_by_epoch.push_back(percent(result.eval_correct[epoch], total));
  }
  return training;
}

std::string divergence_text(const TrainingSummary& training) {
  if (training.first_bad_step == 0) return {};
  return fmt::format(" from step {} in {}, {} bad steps of {}", training.first_bad_step, training.first_bad_tensor,
                     training.bad_steps, training.steps);
}

std::vector<VariantMean> means_of(std::span<const RunSummary> points) {
  std::vector<VariantMean> means;
  std::vector<std::vector<double>> after;
  for (const RunSummary& point : points) {
    size_t at = 0;
    while (at < means.size() && means[at].variant != point.variant) ++at;
    if (at == means.size()) {
      means.emplace_back();
      after.emplace_back();
      means[at].variant = point.variant;
      means[at].engine = point.engine;
    }
    VariantMean& mean = means[at];
    const bool trained = point.training.has_value();
    if (trained) mean.policy = point.training->policy;
    add_mean(mean.accuracy_before, trained ? point.training->accuracy_before : std::nullopt, mean.points);
    add_mean(mean.accuracy_after, trained ? point.training->accuracy_after : std::nullopt, mean.points);
    if (trained && point.training->accuracy_after) after[at].push_back(*point.training->accuracy_after);
    mean.simulated_seconds += point.simulated_seconds;
    mean.dram_bytes += static_cast<double>(point.dram_read_bytes + point.dram_write_bytes);
    mean.npu_energy_uj += point.npu_energy_uj;
    mean.wall_seconds += point.wall_seconds;
    ++mean.points;
  }
  for (size_t at = 0; at < means.size(); ++at) {
    VariantMean& mean = means[at];
    if (mean.accuracy_before) *mean.accuracy_before /= mean.points;
    if (mean.accuracy_after) *mean.accuracy_after /= mean.points;
    mean.simulated_seconds /= mean.points;
    mean.dram_bytes /= mean.points;
    mean.npu_energy_uj /= mean.points;
    mean.wall_seconds /= mean.points;
    if (!mean.accuracy_after || after[at].size() < 2) continue;
    double squares = 0.0;
    for (const double value : after[at]) squares += (value - *mean.accuracy_after) * (value - *mean.accuracy_after);
    mean.accuracy_after_spread = std::sqrt(squares / static_cast<double>(after[at].size() - 1));
  }
  return means;
}

std::string summary_table(std::span<const RunSummary> points) {
  if (points.size() == 1) return one_point_table(points[0]);
  const std::string inference = inference_table(points);
  return variants_table(points) + engines_note(points) + (inference.empty() ? "" : "\n" + inference);
}

std::string verdict(std::span<const RunSummary> points, const std::vector<std::string>& failures) {
  std::vector<std::string> wrong;
  for (const RunSummary& point : points) {
    const std::string whose = points.size() == 1 || point.variant.empty() ? "" : point.variant + ": ";
    if (point.interrupted) {
      wrong.push_back(whose + "interrupted");
    } else if (point.exit_code != 0) {
      wrong.push_back(whose + point.reason);
    }
    for (const std::string& failure : point.failures) wrong.push_back(whose + failure);
  }
  wrong.insert(wrong.end(), failures.begin(), failures.end());
  if (wrong.empty()) return "passed";
  const std::string more = wrong.size() == 1 ? "" : fmt::format(" (and {} more)", wrong.size() - 1);
  return "failed: " + wrong[0] + more;
}

}  // namespace backboard
