// backboard search FILE: taxonn's widths by layer, or lnpu's thresholds, by running the platform.
#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <nlohmann/json.hpp>

#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "platform/experiment/search.h"
#include "platform/run/folder_lock.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

using Json = nlohmann::ordered_json;

struct SearchOptions {
  std::string file, out, max_memory;
  std::vector<std::string> set;
  unsigned jobs = 0;
  bool resume = false, quiet = false;
};

/// What is printed, what is written, and whether the search came to what was asked.
struct SearchReport {
  std::string text, yaml;
  Json json;
  bool found = false;
};

SearchReport report_of(const WidthSearch& config, const WidthResult& result) {
  SearchReport report;
  report.found = result.holds;
  report.yaml = found_yaml(result);
  report.json = {{"baseline", result.baseline}, {"start", result.start},
                 {"found", result.found},       {"loss", result.baseline - result.found},
                 {"allowed", config.loss},      {"trials", result.trials}};
  report.json["layers"] = Json::array();
  report.text = fmt::format("accuracy: baseline {:.2f} %, first widths {:.2f} %, found {:.2f} %; {} trials\n",
                            result.baseline, result.start, result.found, result.trials);
  report.text += fmt::format("{:>6} {:>10} {:>10} {:>10}\n", "layer", "x", "weight", "delta");
  for (const auto& layer : result.layers) {
    const auto format = [](const npu::taxonn::FixedPoint& f) { return fmt::format("({}, {})", f.integer, f.fraction); };
    report.text += fmt::format("{:>6} {:>10} {:>10} {:>10}\n", layer.layer, format(layer.widths.x),
                               format(layer.widths.weight), format(layer.widths.delta));
    report.json["layers"].push_back({{"layer", layer.layer},
                                     {"x", {layer.widths.x.integer, layer.widths.x.fraction}},
                                     {"weight", {layer.widths.weight.integer, layer.widths.weight.fraction}},
                                     {"delta", {layer.widths.delta.integer, layer.widths.delta.fraction}}});
  }
  return report;
}

SearchReport report_of(const ThresholdSearch& config, const ThresholdResult& result) {
  SearchReport report;
  report.found = true;
  report.yaml = found_yaml(result);
  report.json = {{"share", config.share}, {"tolerance", config.tolerance}, {"rounds", result.rounds}};
  report.text = fmt::format("{:<12} {:>12} {:>12}\n", "class", "threshold", "FP16 share");
  for (const auto& found : result.classes) {
    report.found = report.found && found.within;
    report.text += fmt::format("{:<12} {:>12.6g} {:>12.4f}{}\n", found.name, found.threshold, found.share,
                               found.within ? "" : "  not within the tolerance");
    report.json["classes"].push_back(
        {{"class", found.name}, {"threshold", found.threshold}, {"share", found.share}, {"within", found.within}});
  }
  return report;
}

int search(SearchOptions options) {
  install_stop_handlers(nullptr);
  apply_memory_limit(options.max_memory);
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  const SearchConfig config = load_search(options.file, overrides);
  check_search(config);
  if (options.out.empty()) options.out = "out/searches/" + config.name;
  const FolderLock lock(options.out);
  PlatformTrials trials(config, {options.out, options.jobs, options.resume, !options.quiet && progress_wanted()});
  SearchReport report;
  try {
    report = config.widths ? report_of(*config.widths, search_widths(*config.widths, trials))
                           : report_of(*config.thresholds, search_thresholds(*config.thresholds, trials));
  } catch (const SearchFailure& error) {
    for (const std::string& failure : trials.failures()) fmt::print(stderr, "backboard: failed: {}\n", failure);
    fmt::print(stderr, "backboard: {}\n", error.what());
    return kExitFailed;
  }
  report.json["failures"] = trials.failures();
  const auto file = [&](const char* name) { return (std::filesystem::path(options.out) / name).string(); };
  write_file_atomically(file("results.json"), report.json.dump(2) + "\n");
  write_file_atomically(file("found.yaml"), report.yaml);
  if (!options.quiet) {
    fmt::print("{}\n{}files: {}\n", config.title.empty() ? config.name : config.title, report.text, options.out);
  }
  for (const std::string& failure : trials.failures()) fmt::print(stderr, "backboard: failed: {}\n", failure);
  if (!report.found) fmt::print(stderr, "backboard: the search did not come to what was asked\n");
  return report.found ? kExitPassed : kExitFailed;
}

}  // namespace

CommandAction declare_search(CLI::App& app) {
  auto options = std::make_shared<SearchOptions>();
  app.add_option("FILE", options->file, "Search file (configs/searches)")->required();
  app.add_option("--set", options->set, "Override KEY=VALUE of the search file, as often as needed")
      ->allow_extra_args(false);
  app.add_option("--out", options->out, "Folder of the results; out/searches/NAME when absent");
  app.add_flag("--resume", options->resume,
               "Points that are finished and whose configuration and files are the same do not run again");
  app.add_option("--jobs", options->jobs, "Points at a time; 0: one a processor")->capture_default_str();
  app.add_option("--max-memory", options->max_memory, "Host memory of each process, for example 4 GiB");
  app.add_flag("--quiet", options->quiet, "Print errors only");
  app.footer(
      "Writes results.json and found.yaml, keys of a run file. Exit codes: 0 found, 1 not found or interrupted, 2 bad "
      "input.");
  return [options] { return search(*options); };
}

}  // namespace backboard
