#include "platform/run/memory_bench.h"

#include <chrono>

#include "platform/check/input_error.h"
#include "platform/run/run_point.h"

namespace backboard {
namespace {

class Discard final : public CharacterSink {
 public:
  void put(uint8_t, uint64_t) override {}
};

double seconds_of(const HostTimes& times, std::initializer_list<HostPart> parts) {
  uint64_t ns = 0;
  for (const HostPart part : parts) ns += times[static_cast<size_t>(part)];
  return static_cast<double>(ns) / 1e9;
}

}  // namespace

double MemoryBenchResult::processor_seconds() const {
  return arithmetic_seconds() + seconds_of(host, {HostPart::rest, HostPart::core, HostPart::dma, HostPart::plan});
}

double MemoryBenchResult::arithmetic_seconds() const {
  return seconds_of(host, {HostPart::codec, HostPart::kernels, HostPart::counts, HostPart::vector});
}

MemoryBenchResult measure_memory(const std::string& run_file) {
  RunPoint point = load_run(run_file, {}).points.front();
  point.config.platform.timing = TimingLevel::at;
  point.config.platform.npu.host_threads = 1;
  const PreparedPoint prepared = prepare_point(std::move(point));
  Discard uart;
  Board board(prepared.point.config.platform, {uart, uart});
  start_board(board, prepared);
  const auto begin = std::chrono::steady_clock::now();
  measure_host_time(true);
  const BoardResult ended = board.run();
  MemoryBenchResult result;
  result.host = host_time().own;
  measure_host_time(false);
  result.wall_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count();
  if (ended.exit_code != 0) throw InputError(run_file + ": the board stopped early: " + ended.reason);
  const StatsTree stats = board.stats();
  result.bursts = stats.counter("dram.commands.read") + stats.counter("dram.commands.write");
  result.requests = stats.counter("dram.reads") + stats.counter("dram.writes");
  result.simulated_seconds = static_cast<double>(ended.time_ps) / 1e12;
  return result;
}

}  // namespace backboard
