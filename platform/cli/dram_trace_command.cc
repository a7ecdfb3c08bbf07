// backboard dram-trace --memory FILE.yaml TRACE [--commands FILE] [--set key=value]...
#include <fmt/format.h>

#include <ctime>
#include <memory>
#include <nlohmann/json.hpp>

#include "platform/cli/commands.h"
#include "platform/config/config.h"
#include "platform/dram/trace/command_file.h"
#include "platform/dram/trace/tlm_play.h"
#include "platform/dram/trace/trace_file.h"

namespace backboard {
namespace {

struct DramTraceOptions {
  std::string memory, trace, commands;
  std::vector<std::string> set;
};

nlohmann::ordered_json report(const dram::MemoryConfig& config, const dram::PlayResult& r, double cpu_s) {
  nlohmann::ordered_json json;
  const dram::ControllerCounters& c = r.counters;
  const auto ratio = [](uint64_t a, uint64_t b) {
    return b == 0 ? 0.0 : static_cast<double>(a) / static_cast<double>(b);
  };
  json["memory"] = config.name;
  json["requests"] = r.requests;
  json["reads"] = c.reads;
  json["writes"] = c.writes;
  json["seconds"] = r.seconds(config);
  json["clocks"] = r.end_clock;
  json["gbytes_per_s"] = r.gbytes_per_s(config);
  json["row_hit_rate"] = ratio(c.row_hits, r.requests);
  json["activates"] = c.activates;
  json["precharges"] = c.precharges;
  json["precharges_all"] = c.precharges_all;
  json["refreshes"] = c.refreshes_all + c.refreshes_bank;
  json["read_latency_clocks"] = {{"min", r.read_latency.min()},
                                 {"mean", r.read_latency.mean()},
                                 {"p50", r.read_latency.percentile(50)},
                                 {"p99", r.read_latency.percentile(99)},
                                 {"max", r.read_latency.max()}};
  json["energy_uj"] = nullptr;  // a part without currents
  if (r.energy) {
    json["energy_uj"] = {{"activate", r.energy->activate * 1e6}, {"precharge", r.energy->precharge * 1e6},
                         {"read", r.energy->read * 1e6},         {"write", r.energy->write * 1e6},
                         {"refresh", r.energy->refresh * 1e6},   {"background", r.energy->background * 1e6},
                         {"total", r.energy->total() * 1e6}};
  }
  json["requests_per_cpu_second"] = cpu_s > 0 ? static_cast<double>(r.requests) / cpu_s : 0.0;
  return json;
}

int dram_trace(const DramTraceOptions& options) {
  std::vector<Overrides::Item> overrides;
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  const auto config = load_config<dram::MemoryConfig>(options.memory, overrides);
  const std::clock_t start = std::clock();
  dram::TraceFile trace(options.trace, dram::read_trace(options.trace), config.capacity_bytes());
  std::unique_ptr<dram::CommandFile> commands;
  if (!options.commands.empty()) commands = std::make_unique<dram::CommandFile>(options.commands);
  const dram::PlayResult result = dram::play_through_tlm(config, trace, commands.get());
  if (commands != nullptr) commands->flush();
  const double cpu_s = static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;
  fmt::print("{}\n", report(config, result, cpu_s).dump(2));
  if (config.rails.empty()) {
    fmt::print(stderr, "backboard: note: {}: no currents (rails), so that no energy is computed\n", options.memory);
  }
  if (result.stuck.empty()) return kExitPassed;
  fmt::print(stderr, "backboard: error: never completed: {}\n", result.stuck);
  return kExitFailed;
}

}  // namespace

CommandAction declare_dram_trace(CLI::App& app) {
  auto options = std::make_shared<DramTraceOptions>();
  app.add_option("TRACE", options->trace,
                 "Trace: lines 'CYCLE: read|write ADDRESS', 'CYCLE,R|W,ADDRESS', 'ADDRESS R|W' or 'LD|ST ADDRESS'")
      ->required();
  app.add_option("--memory", options->memory, "Memory part and controller (configs/memory/*.yaml)")->required();
  app.add_option("--commands", options->commands, "CSV file for every command that is issued");
  app.add_option("--set", options->set, "Override KEY=VALUE of the memory, as often as needed")
      ->allow_extra_args(false);
  return [options] { return dram_trace(*options); };
}

}  // namespace backboard
