// backboard run RUN.yaml: one simulation, or one process for each variant and subset.
#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <set>
#include <sstream>

#include "platform/cli/commands.h"
#include "platform/cli/host_options.h"
#include "platform/config/atomic_file.h"
#include "platform/run/expectations.h"
#include "platform/run/folder_lock.h"
#include "platform/run/process.h"
#include "platform/run/process_pool.h"
#include "platform/run/run_point.h"

namespace backboard {
namespace {

struct RunOptions {
  std::string file, out;
  std::vector<std::string> set;
  bool quiet = false;
  std::string max_memory;
  std::string save, save_at, restore;
  HostOptions host;
  unsigned jobs = 0;
};

std::string summary_file(const std::string& folder) {
  return (std::filesystem::path(folder) / "summary.json").string();
}

void print_failures(const std::vector<std::string>& failures) {
  std::fflush(stdout);
  for (const std::string& failure : failures) fmt::print(stderr, "backboard: does not hold: {}\n", failure);
}

std::optional<SaveRequest> save_request(const RunOptions& options) {
  if (options.save.empty() != options.save_at.empty()) throw InputError("--save and --save-at go together");
  if (options.save.empty()) return std::nullopt;
  const QuantityResult time = parse_quantity(options.save_at, time_units());
  if (!time.value) throw InputError("--save-at " + options.save_at + ": " + time.error);
  return SaveRequest{options.save, *time.value};
}

int run_single(const RunOptions& options, const RunPlan& plan, const PreparedPoint& point) {
  const bool echo = !options.quiet;
  PointOptions how{options.out, echo, echo && progress_wanted(), save_request(options), options.restore, options.host};
  RunSummary summary = run_point(point, how);
  for (std::string& unmet : unmet_by_means(plan, {&summary, 1})) summary.failures.push_back(std::move(unmet));
  write_file_atomically(summary_file(options.out), summary_json(summary));
  if (!options.quiet) {
    fmt::print("\n{}{:<22}{}\n{}\n", summary_table({&summary, 1}), "files", options.out, verdict({&summary, 1}, {}));
  }
  if (summary.exit_code != 0 && !summary.interrupted) {
    print_failures({fmt::format("the guest passes: {}", summary.reason)});
  }
  print_failures(summary.failures);
  if (summary.interrupted) fmt::print(stderr, "backboard: interrupted; the reports show the run up to there\n");
  return summary.passed() ? kExitPassed : kExitFailed;
}

std::string folder_of(const RunOptions& options, const PreparedPoint& point) {
  return (std::filesystem::path(options.out) / point.point.folder).string();
}

/// Runs all points and returns the worst exit code of those that are no result (2, 3), else 0.
int run_points(const RunOptions& options, const std::vector<PreparedPoint>& points) {
  int worst = 0;
  size_t done = 0;
  const auto run = [&](size_t index) {
    const std::string folder = folder_of(options, points[index]);
    const RunSummary summary = run_point(points[index], {folder, false, false, std::nullopt, "", {}});
    write_file_atomically(summary_file(folder), summary_json(summary));
    return static_cast<int>(kExitPassed);  // whether the point passed stands in its summary
  };
  const auto ended = [&](size_t index, int code) {
    const std::string signal = signal_text(code);
    if (!signal.empty()) fmt::print(stderr, "backboard: {}: {}\n", points[index].point.folder, signal);
    worst = std::max(worst, signal.empty() ? code : static_cast<int>(kExitInternalError));
    ++done;
    if (!options.quiet && progress_wanted()) fmt::print(stderr, "\r{} of {} points ", done, points.size());
    return worst == 0;
  };
  run_in_processes({points.size(), run, ended}, processes_wanted(options.jobs));
  return worst;
}

std::vector<RunSummary> collect(const RunOptions& options, const std::vector<PreparedPoint>& points) {
  std::vector<RunSummary> summaries;
  for (const PreparedPoint& point : points) {
    const std::string path = summary_file(folder_of(options, point));
    std::ifstream file(path);
    if (!file && interrupted()) continue;
    std::ostringstream text;
    text << file.rdbuf();
    summaries.push_back(parse_summary(text.str(), path));
  }
  return summaries;
}

int run_group(const RunOptions& options, const RunPlan& plan, const std::vector<PreparedPoint>& points) {
  if (!options.save.empty() || !options.restore.empty()) {
    throw InputError("--save and --restore need a run of one point; this one has variants or subsets");
  }
  if (wants_host(options.host)) {
    throw InputError("--gdb, --trace and --uart need a run of one point; this one has variants or subsets");
  }
  install_stop_handlers(nullptr);
  for (const PreparedPoint& point : points) std::filesystem::remove(summary_file(folder_of(options, point)));
  const int code = run_points(options, points);
  if (!options.quiet && progress_wanted()) fmt::print(stderr, "\r{:40}\r", "");
  if (code != 0) return code;
  const std::vector<RunSummary> summaries = collect(options, points);
  std::vector<std::string> failures;
  if (!interrupted()) failures = unmet_by_means(plan, summaries);
  write_file_atomically(summary_file(options.out), group_json(plan.config.name, summaries, failures));
  if (!options.quiet) {
    std::string last = verdict(summaries, failures);
    if (interrupted() && last == "passed") last = "failed: interrupted";
    fmt::print("{}\nfiles: {}\n{}\n", summary_table(summaries), options.out, last);
  }
  bool passed = failures.empty() && !interrupted();
  for (const RunSummary& summary : summaries) {
    passed = passed && summary.passed();
    if (summary.exit_code != 0 && !summary.interrupted) {
      print_failures({fmt::format("{}: the guest passes: {}", summary.variant, summary.reason)});
    }
    print_failures(summary.failures);
  }
  print_failures(failures);
  if (interrupted()) fmt::print(stderr, "backboard: interrupted; the reports show the run up to there\n");
  return passed ? kExitPassed : kExitFailed;
}

int run(RunOptions options) {
  apply_memory_limit(options.max_memory);
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  const RunPlan plan = load_run(options.file, overrides);
  if (options.out.empty()) options.out = "out/" + plan.config.name;
  std::vector<PreparedPoint> points;
  for (const RunPoint& point : plan.points) points.push_back(prepare_point(point));
  std::set<std::string> notes(plan.notes.begin(), plan.notes.end());
  for (const PreparedPoint& point : points) notes.insert(point.notes.begin(), point.notes.end());
  for (const std::string& note : notes) fmt::print(stderr, "{}\n", note);
  const FolderLock lock(options.out);
  if (points.size() == 1 && points[0].point.folder.empty()) return run_single(options, plan, points[0]);
  return run_group(options, plan, points);
}

}  // namespace

CommandAction declare_run(CLI::App& app) {
  auto options = std::make_shared<RunOptions>();
  app.add_option("RUN", options->file, "Run file (configs/runs)")->required();
  app.add_option("--set", options->set,
                 "Override KEY=VALUE, as often as needed; keys of the board (npu.engine, timing) go without "
                 "`platform.`; variants "
                 "have the last word")
      ->allow_extra_args(false);
  app.add_option("--out", options->out, "Folder of the results; out/NAME when absent");
  app.add_flag("--quiet", options->quiet, "Print errors only");
  app.add_option("--max-memory", options->max_memory, "Host memory of each process, for example 4 GiB");
  app.add_option("--jobs", options->jobs, "Points at a time; 0: one a processor")->capture_default_str();
  app.add_option("--save", options->save, "Save the board to a file on the way (with --save-at)");
  app.add_option("--save-at", options->save_at, "Simulated time at which to save, for example 10 ms");
  app.add_option("--restore", options->restore, "Go on from a saved board");
  declare_host_options(app, options->host);
  return [options] { return run(*options); };
}

}  // namespace backboard
