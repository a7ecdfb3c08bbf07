#include "platform/run/training_bench.h"

#include <fmt/format.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cstring>
#include <fstream>
#include <random>

#include "drivers/plan/data_format.h"
#include "npu/device/npu_device.h"
#include "platform/check/input_error.h"
#include "platform/elf/elf_file.h"
#include "platform/run/board_session.h"
#include "platform/run/firmware_file.h"
#include "platform/run/run_image.h"
#include "sw/pack/pack.h"
#include "sw/plan/plan.h"

namespace backboard {
namespace {

using WallClock = std::chrono::steady_clock;

constexpr uint32_t kBatchesOfImages = 2;
/// Steps whose parts are told apart: looking at the clock at each turn takes a tenth of a step.
constexpr uint32_t kPartsSteps = 2;

class Console final : public CharacterSink {
 public:
  void put(uint8_t byte, uint64_t) override { text_ += static_cast<char>(byte); }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

RunConfig config_of(const TrainingBenchOptions& options) {
  RunConfig config;
  config.name = "bench";
  config.firmware = find_firmware("train");
  config.network = options.network;
  config.weights_seed = options.seed;
  config.platform.timing = options.timing;
  config.platform.core.code_cache.enabled = config.platform.core.data_cache.enabled = true;
  config.platform.npu.engine = options.engine;
  config.platform.npu.host_threads = options.threads;
  config.training.batch = options.batch;
  config.training.epochs = RUN_MAX_EPOCHS;
  config.training.checkpoint_every.reset();
  return config;
}

/// The plan, and in `config` the smallest DRAM that it fits: the default one, or up to four times as much.
PreparedRun compile(RunConfig& config) {
  uint64_t& size_bytes = config.platform.map[Place::kDRAM].size_bytes;
  for (const uint64_t largest = size_bytes * 4;; size_bytes *= 2) {
    try {
      return prepare_run(prepare_request(config), plan_target_of(config));
    } catch (const InputError& error) {
      const bool small = std::strstr(error.what(), "of its arena") != nullptr;
      if (!small || size_bytes == largest) throw;
    }
  }
}

/// Random pixels and labels of the shape that a plan wants.
std::vector<uint8_t> random_data(const plan_header& plan, uint32_t seed) {
  std::mt19937 random(seed);
  const uint32_t count = kBatchesOfImages * plan.batch;
  std::vector<uint8_t> images(size_t{count} * plan.input_c * plan.input_h * plan.input_w), labels;
  for (uint8_t& pixel : images) pixel = static_cast<uint8_t>(random());
  const uint32_t label_bytes = label_bytes_of(plan.classes);
  for (uint32_t i = 0; i < count; ++i)
    append_label(labels, static_cast<uint32_t>(random() % plan.classes), label_bytes);
  return write_data(
      {count, plan.classes, {plan.input_c, plan.input_h, plan.input_w}, plan.input_scale, images, labels, label_bytes});
}

/// Numbers of commands after which the weights are ready and after which steps end.
struct CommandCounts {
  uint64_t ready = 0, step = 0;
};

CommandCounts commands_of(const Plan& plan) {
  const auto size = [&](plan_program_kind kind) { return uint64_t{plan.program(kind).size()}; };
  return {size(PLAN_PREPARE) + 1, size(PLAN_TRAIN_STEP) + size(PLAN_UPDATE) + 1};  // each with its fence
}

/// Lets the board run until the NPU has completed `commands`, in slices of simulated time.
void run_to(Board& board, const Console& uart, uint64_t commands, uint64_t slice_ps) {
  while (board.npu().totals().commands < commands) {
    const BoardResult result = board.run_until(board.time_ps() + slice_ps);
    if (result.stop == BoardStop::time_limit) continue;
    throw InputError(
        fmt::format("bench training: the board stopped before the last step: {}\n{}", result.reason, uart.text()));
  }
}

uint64_t moved_bytes(const npu::NpuTotals& totals) {
  return totals.read_bytes + totals.write_bytes;
}

double processor_seconds(clockid_t clock) {
  timespec time{};
  clock_gettime(clock, &time);
  return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_nsec) / 1e9;
}

uint64_t peak_memory_bytes() {
  std::ifstream status("/proc/self/status");
  for (std::string word; status >> word;) {
    uint64_t kib = 0;
    if (word == "VmHWM:" && status >> kib) return kib * 1024;
  }
  return 0;
}

}  // namespace

double TrainingBenchResult::fastest() const {
  return *std::min_element(step_seconds.begin(), step_seconds.end());
}

double TrainingBenchResult::median() const {
  std::vector<double> sorted = step_seconds;
  std::sort(sorted.begin(), sorted.end());
  return sorted[sorted.size() / 2];
}

TrainingBenchResult measure_training(const TrainingBenchOptions& options) {
  RunConfig config = config_of(options);
  PreparedRun prepared = compile(config);
  const Plan plan = parse_plan(prepared.plan, options.network);
  const CommandCounts counts = commands_of(plan);
  prepared.train = random_data(plan.header, options.seed);
  const RunImage image = place_run(config, std::move(prepared));

  Console uart;
  Board board(config.platform, {uart, uart});
  const StopOnSignal guard(board);
  const ElfFile elf = ElfFile::load(config.firmware);
  board.load(elf, config.firmware);
  for (const MemoryBlob& blob : image.blobs) {
    if (!board.write_memory(blob.address, blob.bytes)) throw InputError(blob.what + " does not fit into memory");
  }
  board.start(elf.entry(), image.argument);

  // Shorter than a step of any network: a slice that ran over steps would leave nothing to measure.
  constexpr uint64_t kFirstSlice_ps = 20'000'000;
  run_to(board, uart, counts.ready, kFirstSlice_ps);
  const uint64_t first_ps = board.time_ps();
  run_to(board, uart, counts.ready + counts.step, kFirstSlice_ps);
  const uint64_t begin_ps = board.time_ps();
  const uint64_t slice_ps = std::max<uint64_t>((begin_ps - first_ps) / 200, 1'000'000);
  const npu::NpuTotals before = board.npu().totals();

  TrainingBenchResult result;
  auto run_step = [&, step = 1u]() mutable {
    const WallClock::time_point begin = WallClock::now();
    run_to(board, uart, counts.ready + ++step * counts.step, slice_ps);
    return std::chrono::duration<double>(WallClock::now() - begin).count();
  };
  const double own = processor_seconds(CLOCK_THREAD_CPUTIME_ID), all = processor_seconds(CLOCK_PROCESS_CPUTIME_ID);
  for (uint32_t i = 0; i < options.steps; ++i) result.step_seconds.push_back(run_step());
  result.own_seconds = (processor_seconds(CLOCK_THREAD_CPUTIME_ID) - own) / options.steps;
  result.all_seconds = (processor_seconds(CLOCK_PROCESS_CPUTIME_ID) - all) / options.steps;
  const npu::NpuTotals after = board.npu().totals();
  const uint64_t end_ps = board.time_ps();
  measure_host_time(true);
  for (result.parts_steps = 0; result.parts_steps < std::min(options.steps, kPartsSteps); ++result.parts_steps) {
    result.parts_wall_seconds += run_step();
  }
  result.host = host_time();
  measure_host_time(false);
  result.simulated_seconds = static_cast<double>(end_ps - begin_ps) / 1e12 / options.steps;
  result.macs = (after.macs - before.macs) / options.steps;
  result.npu_bytes = (moved_bytes(after) - moved_bytes(before)) / options.steps;
  result.dram_bytes = config.platform.map[Place::kDRAM].size_bytes;
  result.peak_bytes = peak_memory_bytes();
  return result;
}

}  // namespace backboard
