#include "platform/run/run_point.h"

#include <fmt/format.h>

#include <filesystem>
#include <fstream>
#include <sstream>

#include "drivers/plan/run_error.h"
#include "npu/device/npu_device.h"
#include "platform/config/atomic_file.h"
#include "platform/run/command_log.h"
#include "platform/run/expectations.h"
#include "platform/run/firmware_file.h"
#include "platform/run/layer_numbers.h"
#include "platform/run/uart_log.h"
#include "sw/npz/npz.h"
#include "sw/onnx/export.h"
#include "sw/plan/plan.h"

namespace backboard {
namespace {

constexpr uint32_t kResultFinished = 1;  // run_result::state

std::string read_text(const std::string& path) {
  std::ifstream file(path, std::ios::binary);
  std::ostringstream text;
  text << file.rdbuf();
  return text.str();
}

// What the firmware reports of its training. What is wrong with it is a failure of the run, not bad input.
void read_training(Board& board, const PreparedPoint& prepared, RunSummary& summary) {
  if (prepared.plan.empty()) return;
  run_result result;
  const std::span bytes(reinterpret_cast<uint8_t*>(&result), sizeof result);
  if (!board.read_memory(prepared.image.result_address, bytes)) {
    summary.failures.push_back("the firmware's result block cannot be read");
    return;
  }
  try {
    const RunConfig& config = prepared.point.config;
    std::vector<std::string> tensors;
    for (const plan_tensor& tensor : parse_plan(prepared.plan, "the plan").tensors) tensors.push_back(tensor.name);
    summary.training = training_from(result, config.plan.empty() ? config.policy : "plan", tensors);
    const uint64_t ticks = uint64_t{result.train_ticks_hi} << 32 | result.train_ticks_lo;
    summary.training_seconds = static_cast<double>(ticks) / static_cast<double>(config.platform.clint.clock_hz);
    if (!summary.training) {
      summary.failures.push_back("the firmware has not begun its result block");
    } else if (result.state != kResultFinished && !summary.interrupted) {
      const bool diverged = result.error == RUN_ERROR_LOSS || result.error == RUN_ERROR_LOSS_LIMIT;
      summary.failures.push_back(
          fmt::format("the firmware {} (error {}){}", result.state == 0 ? "did not finish" : "gave up", result.error,
                      diverged ? ": training diverged" + divergence_text(*summary.training) : ""));
    }
  } catch (const InputError& error) {
    summary.failures.push_back(error.what());
  }
}

// What the firmware reports of the inference beside its training, and its latencies into the run's folder.
void read_inference(Board& board, const PreparedPoint& prepared, const std::string& csv, RunSummary& summary) {
  const RunConfig& config = prepared.point.config;
  if (prepared.image.inference_result_address == 0) return;
  const auto result = std::make_unique<inference_result>();
  const std::span bytes(reinterpret_cast<uint8_t*>(result.get()), sizeof *result);
  if (!board.read_memory(prepared.image.inference_result_address, bytes)) {
    summary.failures.push_back("the firmware's inference block cannot be read");
    return;
  }
  const uint64_t clock_hz = config.platform.clint.clock_hz;
  try {
    summary.inference = inference_from(*result, *config.training.inference, clock_hz);
  } catch (const InputError& error) {
    summary.failures.push_back(error.what());
    return;
  }
  if (!summary.inference) {
    summary.failures.push_back("the firmware has not begun its inference block");
    return;
  }
  write_file_atomically(csv, inference_csv(*result, clock_hz));
  const InferenceSummary& inference = *summary.inference;
  if (inference.served != inference.requests && !summary.interrupted) {
    summary.failures.push_back(
        fmt::format("{} of {} inference requests were answered", inference.served, inference.requests));
  }
}

std::optional<CacheSummary> summary_of(const std::optional<CacheCounters>& c, bool data) {
  if (!c) return std::nullopt;
  return CacheSummary{.data = data,
                      .accesses = c->reads + c->writes,
                      .hits = c->hits(),
                      .fills = c->fills,
                      .write_backs = c->write_backs,
                      .maintenance = c->invalidates + c->cleans + c->flushes};
}

RunSummary summarise(Board& board, const PreparedPoint& prepared, const SessionResult& session) {
  const RunConfig& config = prepared.point.config;
  RunSummary summary;
  summary.run = config.name;
  summary.variant = prepared.point.variant;
  summary.subset = prepared.point.subset;
  summary.engine = config.platform.npu.engine;
  summary.timing = config.platform.timing == TimingLevel::lt ? "lt" : "at";
  summary.exit_code = session.board.exit_code;
  summary.stop = name_of(session.board.stop);
  summary.reason = session.board.reason;
  summary.interrupted = session.interrupted;
  summary.simulated_seconds = static_cast<double>(session.board.time_ps) / 1e12;
  summary.wall_seconds = session.wall_seconds;
  summary.cpu_instructions = board.core().statistics().instructions;
  const CoreCaches caches = board.core().caches();
  summary.icache = summary_of(caches.code, config.platform.core.code_cache.data);
  summary.dcache = summary_of(caches.data, config.platform.core.data_cache.data);
  const npu::NpuTotals npu = board.npu().totals();
  summary.npu_commands = npu.commands;
  summary.npu_macs = npu.macs;
  summary.npu_macs_skipped = npu.macs_skipped;
  summary.npu_busy_cycles = npu.busy_cycles;
  summary.npu_interrupts = npu.interrupts;
  summary.npu_energy_uj = npu.energy.total_pj() / 1e6;
  const TrafficTable traffic = board.traffic();
  summary.dram_read_bytes = traffic.sum().read_bytes;
  summary.dram_write_bytes = traffic.sum().write_bytes;
  for (const Initiator initiator : {Initiator::core_code, Initiator::core_data}) {
    const TrafficRow row = traffic.sum_of(initiator);
    summary.core_dram_bytes += row.read_bytes + row.write_bytes;
  }
  summary.findings = board.findings().total();
  summary.resets = board.resets();
  if (const auto broken = board.conservation_error()) summary.failures.push_back(*broken);
  read_training(board, prepared, summary);
  return summary;
}

// weights.npz, and weights.onnx of a network that came as .onnx; `path` has no extension.
void write_weights(Board& board, const PreparedPoint& prepared, const std::string& path) {
  if (prepared.plan.empty()) return;
  const Plan plan = parse_plan(prepared.plan, "the plan");
  const auto read = [&](uint32_t address, void* to, size_t size_bytes) {
    const std::span bytes(static_cast<uint8_t*>(to), size_bytes);
    if (!board.read_memory(address, bytes)) throw InputError(fmt::format("weights at {:#x} cannot be read", address));
  };
  Arrays weights = extract_weights(plan, read);
  if (prepared.folded)
    weights =
        unfolded_weights(prepared.folded->network, prepared.folded->folds, prepared.folded->first, std::move(weights));
  write_npz(path + ".npz", weights);
  if (!prepared.model.empty())
    write_file_atomically(path + ".onnx", export_onnx(prepared.model, prepared.point.config.network, weights, path));
}

// The runtime's function that refuses to go on without a run block (firmware/runtime/run_check.h).
constexpr std::string_view kRunBlockReader = "run_check";

}  // namespace

void start_board(Board& board, const PreparedPoint& prepared, const std::string& restore) {
  const RunConfig& config = prepared.point.config;
  if (!restore.empty()) {
    board.attach(prepared.elf, config.firmware);
    board.restore(restore);
  } else {
    board.load(prepared.elf, config.firmware);
    for (const MemoryBlob& blob : prepared.image.blobs) {
      if (!board.write_memory(blob.address, blob.bytes)) {
        throw InputError(fmt::format("{} does not fit into the board's memory at {:#x}", blob.what, blob.address));
      }
    }
    board.start(prepared.elf.entry(), prepared.image.argument);
  }
  board.set_reset_limit(config.limits.resets);
  if (config.limits.instructions) board.set_instruction_limit(*config.limits.instructions);
}

PreparedPoint prepare_point(RunPoint point) {
  RunConfig& config = point.config;
  const auto firmware = firmware_file(config.firmware);
  if (!firmware) throw place_of(point.tree, "firmware").error("firmware", missing_firmware(config.firmware));
  config.firmware = *firmware;
  for (const auto& [key, file] :
       {std::pair{"network", config.network}, {"weights", config.weights}, {"plan", config.plan}}) {
    std::error_code unknown;
    if (file.empty() || std::filesystem::exists(file, unknown)) continue;
    throw place_of(point.tree, key).error(key, file + ": no such file");
  }
  ElfFile elf = ElfFile::load(config.firmware);
  if (config.network.empty() && config.plan.empty() && elf.symbol(kRunBlockReader)) {
    throw place_of(point.tree, "network")
        .error("network", fmt::format("is missing, and plan too: the firmware {} runs one", config.firmware));
  }
  PreparedRun prepared = prepare_run(prepare_request(config), plan_target_of(config));
  std::vector<uint8_t> plan = prepared.plan, model = std::move(prepared.model);
  std::vector<std::string> notes = std::move(prepared.notes);
  std::optional<RunFolds> folded = std::move(prepared.folded);
  if (!plan.empty()) check_engine_layers(point, layer_names(plan));
  RunImage image = place_run(config, std::move(prepared));
  return {std::move(point), std::move(elf),    std::move(plan), std::move(model),
          std::move(notes), std::move(folded), std::move(image)};
}

RunSummary run_point(const PreparedPoint& prepared, const PointOptions& options) {
  const RunConfig& config = prepared.point.config;
  const auto file = [&](const char* name) { return (std::filesystem::path(options.folder) / name).string(); };
  write_file_atomically(file("effective.yaml"), dump_config(config));
  UartLog uart(file("uart.log"), options.echo && options.host.uart != "stdio");
  HostOptions host_options = options.host;
  const bool input = !host_options.uart.empty() || !host_options.uart_input.empty();
  if (input && host_options.uart_log.empty()) host_options.uart_log = file("uart_input.log");
  HostLink host(host_options, &uart);
  Board board(config.platform, {host, uart});
  if (options.echo) {
    board.findings().set_printer([](const std::string& line) { fmt::print(stderr, "{}\n", line); });
  }
  start_board(board, prepared, options.restore);
  std::optional<Plan> plan;
  std::optional<CommandLog> commands;
  if (config.record.commands) {
    if (!prepared.plan.empty()) plan = parse_plan(prepared.plan, "the plan");
    const auto read = [&board](uint32_t address, std::span<uint8_t> bytes) {
      return board.read_memory(address, bytes);
    };
    commands.emplace(config.record, options.folder, plan ? &*plan : nullptr, read,
                     board.npu().totals().rings[0].commands);
    board.npu().observe_commands(&*commands);
  }
  const SessionResult session = run_session(board, {config.limits.time_ps, options.save, options.progress}, &host);
  uart.finish();
  if (commands) commands->finish();
  RunSummary summary = summarise(board, prepared, session);
  read_inference(board, prepared, file("inference.csv"), summary);
  write_file_atomically(file("stats.json"), board.stats().json());
  std::vector<std::string> layers;
  if (!prepared.plan.empty()) layers = layer_names(prepared.plan);
  write_file_atomically(file("traffic.csv"), board.traffic().csv(layers));
  write_file_atomically(file("bandwidth.csv"), board.bandwidth_csv());
  write_file_atomically(file("power.csv"), board.power_csv());
  if (const std::string by_command = board.command_traffic_csv(); !by_command.empty()) {
    write_file_atomically(file("traffic_commands.csv"), by_command);
  }
  write_file_atomically(file("findings.json"), board.findings().json());
  if (options.weights) write_weights(board, prepared, file("weights"));
  for (std::string& unmet : unmet_by_point(config.expect, summary, read_text(file("uart.log")))) {
    summary.failures.push_back(std::move(unmet));
  }
  return summary;
}

}  // namespace backboard
