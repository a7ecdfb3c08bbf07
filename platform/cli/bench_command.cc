// backboard bench [NAME] [--json FILE]; backboard bench core [--program NAME] ...; backboard bench kernels [--filter
// TEXT]; backboard bench training [--net NET] [--batch N] ...
#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <memory>
#include <nlohmann/json.hpp>

#include "platform/check/input_error.h"
#include "platform/cli/benchmarks.h"
#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/suggest.h"
#include "platform/run/process.h"

namespace backboard {
namespace {

struct Request {
  std::string name;
  std::string json;
  BenchOptions options;
  std::vector<const CLI::Option*> of_core, of_kernels, of_training;
};

std::vector<std::string> distinct(const std::vector<Measurement>& measurements, std::string Measurement::*field) {
  std::vector<std::string> values;
  for (const Measurement& m : measurements) {
    if (std::find(values.begin(), values.end(), m.*field) == values.end()) values.push_back(m.*field);
  }
  return values;
}

void print_table(const std::vector<Measurement>& measurements) {
  const std::vector<std::string> columns = distinct(measurements, &Measurement::column);
  fmt::print("{:<18}", "");
  for (const std::string& column : columns) fmt::print("  {:>7}", column);
  fmt::print("\n");
  for (const std::string& row : distinct(measurements, &Measurement::name)) {
    fmt::print("{:<18}", row);
    for (const std::string& column : columns) {
      const auto is_here = [&](const Measurement& m) { return m.name == row && m.column == column; };
      const auto cell = std::find_if(measurements.begin(), measurements.end(), is_here);
      const size_t width = std::max<size_t>(column.size(), 7);
      if (cell == measurements.end()) {
        fmt::print("  {:>{}}", "", width);
      } else {
        fmt::print("  {:>{}.{}f}", cell->value, width, cell->unit == "MIPS" ? 0 : 2);
      }
    }
    fmt::print("\n");
  }
}

void print_line(const Measurement& m) {
  fmt::print("{:<40} {:>10.2f} {:<10} {}\n", m.name, m.value, m.unit, m.note);
  std::fflush(stdout);
}

void show_progress(const std::string& what) {
  fmt::print(stderr, "\r{:<60}\r{}", "", what);
  std::fflush(stderr);
}

void print(const std::vector<Measurement>& measurements) {
  if (!measurements.empty() && !measurements.front().column.empty()) return print_table(measurements);
  for (const Measurement& m : measurements) print_line(m);
}

nlohmann::ordered_json json_of(const Measurement& m) {
  nlohmann::ordered_json json = {{"name", m.name}, {"value", m.value}, {"unit", m.unit}, {"note", m.note}};
  if (!m.column.empty()) json["column"] = m.column;
  return json;
}

/// Options that only benchmark `name` has, for a benchmark that is it or another.
void refuse_others(const std::vector<const CLI::Option*>& options, bool is_it, const std::string& name) {
  for (const CLI::Option* option : options) {
    if (option->count() != 0 && !is_it) throw InputError(option->get_name() + " is for `bench " + name + "`");
  }
}

int bench(Request& options) {
  if (options.name.empty()) {
    for (const Benchmark& benchmark : benchmarks()) fmt::print("{:<14}{}\n", benchmark.name, benchmark.help);
    return kExitPassed;
  }
  std::vector<std::string> known;
  for (const Benchmark& benchmark : benchmarks()) {
    known.emplace_back(benchmark.name);
    if (options.name != benchmark.name) continue;
    refuse_others(options.of_core, benchmark.options == Benchmark::Options::core, "core");
    refuse_others(options.of_training, benchmark.options == Benchmark::Options::training, "training");
    refuse_others(options.of_kernels, benchmark.options == Benchmark::Options::kernels, "kernels");
    // What was measured until someone loses patience is on paper.
    bool printed = false;
    const bool progress = progress_wanted();
    if (progress) options.options.on_progress = show_progress;
    options.options.on_measured = [&](const Measurement& m) {
      if (progress) show_progress("");
      print_line(m);
      printed = true;
    };
    const std::vector<Measurement> measurements = benchmark.measure(options.options);
    if (!printed) print(measurements);
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Measurement& m : measurements) list.push_back(json_of(m));
    const nlohmann::ordered_json whole = {{"benchmark", benchmark.name}, {"measurements", list}};
    if (!options.json.empty()) write_file_atomically(options.json, whole.dump(2) + "\n");
    return kExitPassed;
  }
  throw InputError("bench: unknown benchmark '" + options.name + "'" + suggestion(options.name, known));
}

}  // namespace

CommandAction declare_bench(CLI::App& app) {
  auto request = std::make_shared<Request>();
  BenchOptions& o = request->options;
  app.add_option("NAME", request->name, "Benchmark; lists them when absent");
  app.add_option("--json", request->json, "Write the figures as JSON");
  request->of_core = {
      app.add_option("--program", o.programs, "core: these guest programs alone (names of rows)")->delimiter(','),
      app.add_option("--way", o.ways, "core: these ways to run them alone (names of columns)")->delimiter(','),
      app.add_flag("--more", o.more, "core: further kernels of the same kinds in the programs' place")};
  request->of_kernels = {
      app.add_option("--filter", o.filter, "kernels: only rows whose name (\"lnpu S conv1 FF x16\") contains this")};
  request->of_training = {
      app.add_option("--net", o.net, "training: network file, or name in configs/nets")->capture_default_str(),
      app.add_option("--batch", o.batch, "training: images of a step")
          ->check(CLI::Range(1u, 1024u))
          ->capture_default_str(),
      app.add_option("--threads", o.threads, "training: threads of the host (npu.host_threads)")
          ->check(CLI::Range(1u, 64u))
          ->capture_default_str(),
      app.add_option("--steps", o.steps, "training: steps measured, after one that is not")
          ->check(CLI::Range(1u, 1000u))
          ->capture_default_str(),
      app.add_option("--engine", o.engine, "training: NPU engine")->capture_default_str(),
      app.add_option("--timing", o.timing, "training: lt or at")->capture_default_str(),
      app.add_flag("--torch,!--no-torch", o.torch, "training: measure PyTorch's step too")};
  return [request] { return bench(*request); };
}

}  // namespace backboard
