// backboard experiment FILE...: all points of experiments, ours beside the published figures.
#include <fmt/format.h>

#include <filesystem>
#include <memory>

#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "platform/experiment/experiment.h"
#include "platform/experiment/report.h"
#include "platform/run/folder_lock.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

struct ExperimentOptions {
  std::vector<std::string> files;
  std::vector<std::string> set;
  std::string out, max_memory;
  unsigned jobs = 0;
  bool quick = false, resume = false, quiet = false;
};

std::string folder_of(const ExperimentOptions& options, const ExperimentPlan& plan) {
  if (options.out.empty()) return "out/experiments/" + plan.config.name;
  if (options.files.size() == 1) return options.out;
  return (std::filesystem::path(options.out) / plan.config.name).string();
}

/// Whether all of it came out.
bool run_one(const ExperimentOptions& options, const ExperimentPlan& plan) {
  RunnerOptions runner;
  runner.folder = folder_of(options, plan);
  runner.jobs = options.jobs;
  runner.resume = options.resume;
  runner.progress = !options.quiet && progress_wanted();
  const FolderLock lock(runner.folder);
  const ExperimentResult result = evaluate(plan, run_jobs(plan.jobs, runner));
  const auto file = [&](const char* name) { return (std::filesystem::path(runner.folder) / name).string(); };
  write_file_atomically(file("results.json"), experiment_json(plan, result));
  write_file_atomically(file("page.md"), experiment_page(plan, result));
  if (!options.quiet) {
    fmt::print("{}files: {}\n\n", experiment_table(plan, result), runner.folder);
    std::fflush(stdout);
  }
  for (const std::string& failure : result.failures) fmt::print(stderr, "backboard: failed: {}\n", failure);
  return result.failures.empty();
}

int experiment(const ExperimentOptions& options) {
  install_stop_handlers(nullptr);
  apply_memory_limit(options.max_memory);
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  std::vector<ExperimentPlan> plans;
  for (const std::string& file : options.files) {
    plans.push_back(plan_experiment(load_experiment(file, overrides), options.quick));
    for (size_t i = 0; i + 1 < plans.size(); ++i) {
      if (plans[i].config.name == plans.back().config.name) {
        throw InputError(fmt::format("{}: another file has the name {}, too", file, plans[i].config.name));
      }
    }
  }
  bool passed = true;
  for (const ExperimentPlan& plan : plans) {
    if (!interrupted()) passed = run_one(options, plan) && passed;
  }
  if (interrupted()) fmt::print(stderr, "backboard: interrupted; --resume goes on from the finished points\n");
  return passed && !interrupted() ? kExitPassed : kExitFailed;
}

}  // namespace

CommandAction declare_experiment(CLI::App& app) {
  auto options = std::make_shared<ExperimentOptions>();
  app.add_option("FILES", options->files, "Experiment files (configs/experiments)")->required();
  app.add_option("--set", options->set, "Override KEY=VALUE of the experiment files, as often as needed")
      ->allow_extra_args(false);
  app.add_option("--out", options->out,
                 "Folder of the results (of several files: one below it for each); out/experiments/NAME when absent");
  app.add_flag("--quick", options->quick, "A small part of each experiment, as its file says");
  app.add_flag("--resume", options->resume,
               "Points that are finished and whose configuration and files are the same do not run again");
  app.add_option("--jobs", options->jobs, "Points at a time; 0: one a processor")->capture_default_str();
  app.add_option("--max-memory", options->max_memory, "Host memory of each process, for example 4 GiB");
  app.add_flag("--quiet", options->quiet, "Print errors only");
  app.footer(
      "Writes results.json and page.md, and a folder for each point. Exit codes: 0 all points finished, 1 a point "
      "failed "
      "or an interrupt came, 2 bad input. A gap to a published figure is no failure.");
  return [options] { return experiment(*options); };
}

}  // namespace backboard
