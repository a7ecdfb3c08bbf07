// backboard bench [NAME] [--json FILE]
#include <fmt/format.h>

#include <memory>
#include <nlohmann/json.hpp>

#include "platform/check/input_error.h"
#include "platform/cli/benchmarks.h"
#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/suggest.h"

namespace backboard {
namespace {

struct BenchOptions {
  std::string name;
  std::string json;
};

int bench(const BenchOptions& options) {
  if (options.name.empty()) {
    for (const Benchmark& benchmark : benchmarks()) fmt::print("{:<14}{}\n", benchmark.name, benchmark.help);
    return kExitPassed;
  }
  std::vector<std::string> known;
  for (const Benchmark& benchmark : benchmarks()) {
    known.emplace_back(benchmark.name);
    if (options.name != benchmark.name) continue;
    const std::vector<Measurement> measurements = benchmark.measure();
    nlohmann::ordered_json list = nlohmann::ordered_json::array();
    for (const Measurement& m : measurements) {
      fmt::print("{:<40} {:>10.2f} {:<10} {}\n", m.name, m.value, m.unit, m.note);
      list.push_back({{"name", m.name}, {"value", m.value}, {"unit", m.unit}, {"note", m.note}});
    }
    const nlohmann::ordered_json whole = {{"benchmark", benchmark.name}, {"measurements", list}};
    if (!options.json.empty()) write_file_atomically(options.json, whole.dump(2) + "\n");
    return kExitPassed;
  }
  throw InputError("bench: unknown benchmark '" + options.name + "'" + suggestion(options.name, known));
}

}  // namespace

CommandAction declare_bench(CLI::App& app) {
  auto options = std::make_shared<BenchOptions>();
  app.add_option("NAME", options->name, "Benchmark; lists them when absent");
  app.add_option("--json", options->json, "Write the figures as JSON");
  return [options] { return bench(*options); };
}

}  // namespace backboard
