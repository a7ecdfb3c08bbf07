// What a run came to: summary.json and the table for a person.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "drivers/plan/run_block.h"
#include "platform/run/inference_summary.h"

namespace backboard {

/// Results of a training, as the firmware reported them in its result block.
struct TrainingSummary {
  std::string policy;
  uint64_t examples = 0, epochs = 0, steps = 0, overflows = 0;
  uint64_t skipped = 0;                                   ///< updates left out because of an overflow
  uint64_t bad_steps = 0;                                 ///< with saturated or non-finite errors, gradients or loss
  uint64_t first_bad_step = 0;                            ///< counted from 1; 0: none
  std::string first_bad_tensor;                           ///< where that step went wrong; empty: nowhere
  std::vector<double> loss;                               ///< mean of each epoch
  std::optional<double> accuracy_before, accuracy_after;  ///< percent; nothing when there was no evaluation
  std::vector<std::optional<double>> accuracy_by_epoch;   ///< percent, where an epoch was evaluated
  double loss_scale = 1.0;
  double fgmp_share = 0.0;  ///< measured last
};

/// One of the core's caches.
struct CacheSummary {
  bool data = false;  ///< lines hold bytes; else tags only
  uint64_t accesses = 0, hits = 0, fills = 0, write_backs = 0;
  uint64_t maintenance = 0;  ///< cbo instructions
};

/// One point of a run.
struct RunSummary {
  std::string run, variant;
  std::optional<uint32_t> subset;
  std::string engine, timing;
  int exit_code = 0;   ///< of the guest: 0 passed
  std::string stop;    ///< why the board stopped
  std::string reason;  ///< one sentence
  bool interrupted = false;
  double simulated_seconds = 0.0, wall_seconds = 0.0;
  uint64_t cpu_instructions = 0;
  std::optional<CacheSummary> icache, dcache;
  uint64_t npu_commands = 0, npu_macs = 0, npu_macs_skipped = 0, npu_busy_cycles = 0, npu_interrupts = 0;
  double npu_energy_uj = 0.0;  ///< without DRAM
  uint64_t dram_read_bytes = 0, dram_write_bytes = 0;
  uint64_t core_dram_bytes = 0;  ///< of both: what the core moved, code and data
  uint64_t findings = 0;
  uint64_t resets = 0;  ///< by the guest: finisher and watchdog
  std::optional<TrainingSummary> training;
  double training_seconds = 0.0;  ///< simulated, from before the first epoch to behind the last, as the firmware saw it
  std::optional<InferenceSummary> inference;
  std::vector<std::string> failures;  ///< expectations and conservation laws that did not hold

  double mips() const { return wall_seconds > 0 ? static_cast<double>(cpu_instructions) / wall_seconds / 1e6 : 0.0; }
  bool passed() const { return exit_code == 0 && !interrupted && failures.empty(); }
};

/// What the firmware wrote; `tensors` are the names of the plan's tensors in the order of its table. Nothing when the
/// block was never begun. Throws InputError when it holds what no firmware of this version writes.
std::optional<TrainingSummary> training_from(const run_result& result, const std::string& policy,
                                             std::span<const std::string> tensors = {});

/// When and where a training began to go wrong: " from step 4 in fc2.y, 1 bad steps of 4"; empty when it never did.
std::string divergence_text(const TrainingSummary& training);

std::string summary_json(const RunSummary& summary);
/// Reads what `summary_json` wrote; `file` is used in errors.
RunSummary parse_summary(const std::string& text, const std::string& file);

/// The mean over the subsets of each variant, in the order of first appearance.
struct VariantMean {
  std::string variant, engine, policy;
  unsigned points = 0;
  std::optional<double> accuracy_before, accuracy_after;
  double accuracy_after_spread = 0.0;  ///< standard deviation (n - 1); 0 for one point
  double simulated_seconds = 0.0;
  double dram_bytes = 0.0;
  double npu_energy_uj = 0.0;
  double wall_seconds = 0.0;
};
std::vector<VariantMean> means_of(std::span<const RunSummary> points);

/// The table for a person; several points: one line a variant, and a note on each that bears the name of an engine but
/// ran on another.
std::string summary_table(std::span<const RunSummary> points);
/// The last line for a person: "passed", or "failed: " with what was wrong, the points' own failures first.
std::string verdict(std::span<const RunSummary> points, const std::vector<std::string>& failures);
/// summary.json of a run of several points.
std::string group_json(const std::string& run, std::span<const RunSummary> points,
                       const std::vector<std::string>& failures);

}  // namespace backboard
