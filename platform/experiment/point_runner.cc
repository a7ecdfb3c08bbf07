#include "platform/experiment/point_runner.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "platform/check/fnv.h"
#include "platform/check/read_file.h"
#include "platform/check/write_error.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "platform/run/exit_code.h"
#include "platform/run/firmware_file.h"
#include "platform/run/process.h"
#include "platform/run/process_pool.h"
#include "platform/run/run_point.h"

namespace backboard {
namespace {

namespace fs = std::filesystem;

// Written last: a folder with it is finished.
constexpr const char* kMark = "point.json";
constexpr const char* kErrors = "errors.log";

std::string path_in(const std::string& folder, const char* name) {
  return (fs::path(folder) / name).string();
}

/// Digests of files by name, so that a data set that every point reads is read once.
class FileDigests {
 public:
  uint64_t of(const std::string& path) {
    const auto [found, added] = digests_.try_emplace(path, 0);
    if (added) found->second = digest(path);
    return found->second;
  }

 private:
  // A description of ours stands for all files that it extends.
  static uint64_t digest(const std::string& path) {
    const std::string extension = fs::path(path).extension().string();
    if (extension == ".yaml" || extension == ".yml") return fnv1a(std::string_view(write_yaml(load_yaml(path))));
    return fnv1a(std::span<const uint8_t>(read_file(path)));
  }
  std::map<std::string, uint64_t> digests_;
};

/// The program, the effective configuration and the contents of the files that it names; where they lie does not
/// matter.
uint64_t digest_of(RunConfig config, FileDigests& files) {
  // Another build may model something else.
  uint64_t hash = fnv1a(fmt::format("{:x}", files.of("/proc/self/exe")), kFnvStart);
  const auto add = [&](std::string& path) {
    if (path.empty()) return;
    // An .npz is named with the member behind it.
    const size_t member = path.find(".npz:");
    hash = fnv1a(fmt::format("{:x}", files.of(member == std::string::npos ? path : path.substr(0, member + 4))), hash);
    path = member == std::string::npos ? "-" : path.substr(member);
  };
  config.firmware = find_firmware(config.firmware);
  for (std::string* path : {&config.firmware, &config.network, &config.weights, &config.plan, &config.data.train_file,
                            &config.data.eval_file}) {
    add(*path);
  }
  for (auto* spec : {&config.data.train, &config.data.eval}) {
    if (!*spec) continue;
    add((*spec)->images);
    add((*spec)->labels);
  }
  config.name.clear();
  config.platform.npu.host_threads = 1;
  return fnv1a(std::string_view(dump_config(config)), hash);
}

bool is_finished(const std::string& folder, uint64_t digest) {
  const std::string mark = path_in(folder, kMark);
  if (!fs::is_regular_file(mark)) return false;
  try {
    const std::vector<uint8_t> bytes = read_file(mark);
    return nlohmann::json::parse(bytes).at("digest") == fmt::format("{:016x}", digest);
  } catch (const nlohmann::json::exception&) {
    return false;  // not ours, or damaged: it runs again
  }
}

std::string last_line(const std::string& path) {
  try {
    const std::vector<uint8_t> bytes = read_file(path);
    std::string text(bytes.begin(), bytes.end());
    while (!text.empty() && text.back() == '\n') text.pop_back();
    return text.substr(text.find_last_of('\n') + 1);
  } catch (const InputError&) {
    return "";
  }
}

// In the child. What it and the models say on stderr goes to a file of the point.
int run_child(const PointJob& job, const std::string& folder, uint64_t digest) {
  fs::create_directories(folder);
  const int log = open(path_in(folder, kErrors).c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (log < 0) throw write_error(path_in(folder, kErrors));
  dup2(log, STDERR_FILENO);
  const PreparedPoint prepared = prepare_point(job.point);
  PointOptions options{folder, false, false, std::nullopt, "", {}};
  options.weights = false;
  const RunSummary summary = run_point(prepared, options);
  write_file_atomically(path_in(folder, "summary.json"), summary_json(summary));
  if (!summary.passed()) {
    fmt::print(stderr, "{}\n", summary.failures.empty() ? summary.reason : summary.failures.front());
    return kExitFailed;
  }
  const nlohmann::ordered_json mark{
      {"point", job.label}, {"digest", fmt::format("{:016x}", digest)}, {"seconds", summary.wall_seconds}};
  write_file_atomically(path_in(folder, kMark), mark.dump(2) + "\n");
  return kExitPassed;
}

void read_values(PointOutcome& outcome) {
  try {
    outcome.values = PointValues::read(outcome.folder);
    outcome.seconds = outcome.values.find("summary.wall_seconds").value_or(0.0);
    outcome.finished = true;
  } catch (const InputError& error) {
    outcome.failure = error.what();
  }
}

std::string failure_of(const std::string& folder, int code) {
  if (const std::string signal = signal_text(code); !signal.empty()) return signal;
  std::string line = last_line(path_in(folder, kErrors));
  for (const std::string_view prefix : {"backboard: error: ", "backboard: "}) {
    if (line.starts_with(prefix)) line.erase(0, prefix.size());
  }
  if (!line.empty()) return line;
  return fmt::format("the process ended with code {} and could leave no word in {}", code, path_in(folder, kErrors));
}

}  // namespace

RunPoint point_of(const std::string& run_file, const std::vector<const Overrides*>& sets, const std::string& name) {
  YamlNode root = load_yaml(run_file);
  std::erase_if(root.members, [](const YamlNode::Member& member) {
    return member.name == "variants" || member.name == "compare" || member.name == "subsets" || member.name == "expect";
  });
  for (const Overrides* set : sets) apply_overrides(root, set->items);
  RunPlan plan = run_from(root, name);
  plan.points.front().config.name = name;
  return std::move(plan.points.front());
}

Overrides::Item number_override(const std::string& key, uint64_t value, const std::string& origin) {
  Overrides::Item item{key, YamlNode::scalar(fmt::format("{}", value))};
  item.value.place = {std::make_shared<const std::string>(origin), 0};
  return item;
}

std::vector<PointOutcome> run_jobs(const std::vector<PointJob>& jobs, const RunnerOptions& options) {
  std::vector<PointOutcome> outcomes(jobs.size());
  std::vector<uint64_t> digests(jobs.size());
  std::map<uint64_t, size_t> first;
  std::vector<size_t> due;
  FileDigests files;
  for (size_t i = 0; i < jobs.size(); ++i) {
    digests[i] = digest_of(jobs[i].point.config, files);
    outcomes[i].folder = (fs::path(options.folder) / jobs[i].folder).string();
    if (!first.emplace(digests[i], i).second) continue;
    if (options.resume && is_finished(outcomes[i].folder, digests[i])) {
      outcomes[i].reused = true;
      read_values(outcomes[i]);
    }
    if (outcomes[i].finished) continue;
    outcomes[i].reused = false;
    outcomes[i].failure.clear();
    fs::remove(path_in(outcomes[i].folder, kMark));
    due.push_back(i);
  }
  size_t done = 0;
  PoolJobs pool;
  pool.count = due.size();
  pool.run = [&](size_t n) { return run_child(jobs[due[n]], outcomes[due[n]].folder, digests[due[n]]); };
  pool.ended = [&](size_t n, int code) {
    PointOutcome& outcome = outcomes[due[n]];
    if (code == kExitPassed) {
      read_values(outcome);
    } else if (!interrupted()) {
      outcome.failure = failure_of(outcome.folder, code);
    }
    ++done;
    if (options.progress) fmt::print(stderr, "\r{} of {} points ", done, due.size());
    return true;
  };
  run_in_processes(pool, processes_wanted(options.jobs));
  if (options.progress && !due.empty()) fmt::print(stderr, "\r{:40}\r", "");
  for (size_t i = 0; i < jobs.size(); ++i) {
    const size_t same = first.at(digests[i]);
    if (same == i) continue;
    outcomes[i] = outcomes[same];
    outcomes[i].reused = true;
  }
  return outcomes;
}

}  // namespace backboard
