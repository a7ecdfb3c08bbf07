#include "platform/run/run_image.h"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <cstring>

#include "drivers/npu/npu_records.h"
#include "sw/plan/plan.h"

namespace backboard {
namespace {

constexpr uint64_t kFirmwareBytes = 2 * kMiB;  // firmware/boot/dram.ld
constexpr uint64_t kAlignment = 64;

uint64_t dram_base(const RunConfig& config) {
  return config.platform.map[Place::kDRAM].base;
}
uint64_t dram_end(const RunConfig& config) {
  return dram_base(config) + config.platform.map[Place::kDRAM].size_bytes;
}

template <class T>
std::vector<uint8_t> bytes_of(const T& value) {
  std::vector<uint8_t> bytes(sizeof value);
  std::memcpy(bytes.data(), &value, sizeof value);
  return bytes;
}

// Hands out addresses upwards.
class Placer {
 public:
  Placer(uint64_t first, uint64_t end) : next_(first), end_(end) {}
  uint32_t place(size_t size_bytes, const char* what) {
    const uint64_t address = (next_ + kAlignment - 1) / kAlignment * kAlignment;
    if (address > end_ || size_bytes > end_ - address) {
      throw InputError(
          fmt::format("{} ({} bytes) does not fit into DRAM below the plan's arena at {:#x}", what, size_bytes, end_));
    }
    next_ = address + size_bytes;
    return static_cast<uint32_t>(address);
  }

 private:
  uint64_t next_, end_;
};

}  // namespace

PrepareRequest prepare_request(const RunConfig& config) {
  PrepareRequest request;
  request.network = config.network;
  request.plan = config.plan;
  request.weights = config.weights;
  request.weights_seed = config.weights_seed;
  request.weights_init = config.weights_init;
  request.grow_head = config.grow_head;
  static_cast<CompileOptions&>(request.options) = config.compile;
  request.options.policy = config.policy;
  request.options.batch = config.training.batch;
  request.options.momentum = config.training.momentum > 0.0f;
  request.options.optimizer = config.training.optimizer;
  request.options.accumulate = config.training.accumulate;
  request.options.gradient_norm = config.training.clip_norm > 0.0f;
  // The upper half of DRAM, as far as 32-bit addresses go.
  const uint64_t end = std::min(dram_end(config), uint64_t{1} << 32);
  request.options.arena_base = (dram_base(config) + (end - dram_base(config)) / 2) / kAlignment * kAlignment;
  request.options.arena_bytes = std::min<uint64_t>(end - request.options.arena_base, UINT32_MAX);
  request.train = config.data.train;
  request.eval = config.data.eval;
  request.train_file = config.data.train_file;
  request.eval_file = config.data.eval_file;
  request.inference = config.training.inference.has_value();
  return request;
}

PlanTarget plan_target_of(const RunConfig& config) {
  const npu::NpuConfig& npu = config.platform.npu;
  return plan_target(npu.engine, static_cast<uint32_t>(npu.buffer_bytes), npu.engines);
}

run_block run_block_of(const RunConfig& config, uint32_t classes) {
  const TrainingConfig& training = config.training;
  run_block block;
  std::memset(&block, 0, sizeof block);
  block.magic = RUN_MAGIC;
  block.version = RUN_VERSION;
  block.epochs = training.epochs;
  block.max_steps = training.max_steps;
  block.shuffle = training.shuffle.has_value();
  block.seed = training.shuffle.value_or(0);
  block.momentum = training.momentum;
  block.weight_decay = training.weight_decay;
  block.hyper_flags = (training.nesterov ? NPU_HYPER_NESTEROV : 0u) |
                      (training.rounding == Rounding::stochastic ? NPU_HYPER_STOCHASTIC : 0u);
  block.clip_norm = training.clip_norm;
  block.beta2 = training.beta2;
  block.adam_epsilon = training.adam_epsilon;
  // A network with one output has nothing to guess: two stand for it.
  block.max_loss = training.divergence * std::log(static_cast<float>(std::max(classes, 2u)));
  block.loss_scale = training.loss_scale.initial;
  block.loss_scale_dynamic = training.loss_scale.dynamic;
  block.loss_scale_interval = training.loss_scale.interval;
  block.fgmp_share = training.fgmp_share.value_or(-1.0f);
  block.fgmp_stall_step = training.fgmp_stall_step;
  block.evaluate_every = training.evaluate_every;
  block.checkpoint_every = training.checkpoint_every.value_or(0xffffffffu);
  block.resume = training.resume;
  block.schedule_points = static_cast<uint32_t>(training.learning_rate.size());
  block.dram_bytes = static_cast<uint32_t>(std::min(dram_end(config), uint64_t{UINT32_MAX}) - dram_base(config));
  for (size_t i = 0; i < training.learning_rate.size(); ++i) {
    block.schedule[i] = {training.learning_rate[i].epoch, training.learning_rate[i].rate};
  }
  return block;
}

inference_block inference_block_of(const RunConfig& config) {
  const InferenceConfig& inference = *config.training.inference;
  inference_block block;
  std::memset(&block, 0, sizeof block);
  block.magic = INFERENCE_MAGIC;
  block.version = INFERENCE_VERSION;
  block.requests = inference.requests;
  const double ticks =
      std::round(static_cast<double>(inference.every_ps) * 1e-12 * static_cast<double>(config.platform.clint.clock_hz));
  if (ticks < INFERENCE_SLOTS || ticks > INT32_MAX) {
    throw InputError(
        fmt::format("training.inference.every: {} ticks of the core's timer (platform.clint.clock); {} to {} are "
                    "possible",
                    ticks, INFERENCE_SLOTS, INT32_MAX));
  }
  block.interval_ticks = static_cast<uint32_t>(ticks);
  block.random = inference.arrivals == InferenceConfig::Arrivals::random;
  block.seed = inference.seed;
  block.priority_training = inference.priority == InferenceConfig::Priority::low;
  block.priority_inference = inference.priority == InferenceConfig::Priority::high;
  block.refresh_steps = inference.refresh_steps;
  return block;
}

/// Nobody else writes to what a run lays into memory.
void check_traffic_memory(const RunConfig& config, uint64_t first, uint64_t last, const std::string& what) {
  for (const TrafficConfig& generator : config.platform.traffic) {
    if (first > generator.last() || generator.base > last) continue;
    throw InputError(fmt::format("the memory of traffic generator '{}', {:#x} to {:#x}, overlaps {} at {:#x} to {:#x}",
                                 generator.name, generator.base, generator.last(), what, first, last));
  }
}

RunImage place_run(const RunConfig& config, PreparedRun prepared) {
  RunImage image;
  if (prepared.plan.empty()) return image;
  const plan_header header = parse_plan(prepared.plan, config.plan.empty() ? config.network : config.plan).header;
  const uint64_t arena_end = uint64_t{header.arena_base} + header.arena_bytes;
  if (header.arena_base < dram_base(config) + kFirmwareBytes || arena_end > dram_end(config)) {
    throw InputError(fmt::format("the plan's arena {:#x} to {:#x} does not lie in DRAM above the firmware",
                                 header.arena_base, arena_end));
  }
  check_traffic_memory(config, dram_base(config), dram_base(config) + kFirmwareBytes - 1, "the firmware");
  uint64_t taken_end = arena_end;
  if (!prepared.inference.empty()) {
    const plan_header beside = parse_plan(prepared.inference, "the plan of the inference").header;
    taken_end = uint64_t{beside.arena_base} + beside.arena_bytes;
  }
  check_traffic_memory(config, header.arena_base, taken_end - 1, "the plan's arena");
  Placer placer(dram_base(config) + kFirmwareBytes, header.arena_base);
  run_block block = run_block_of(config, header.classes);
  image.argument = placer.place(sizeof block, "the run block");
  block.result_bytes = sizeof(run_result);
  block.result_address = placer.place(block.result_bytes, "the result block");
  image.result_address = block.result_address;
  const auto add = [&](std::vector<uint8_t> bytes, const char* what, uint32_t& address, uint32_t& size_bytes) {
    if (bytes.empty()) return;
    size_bytes = static_cast<uint32_t>(bytes.size());
    address = placer.place(bytes.size(), what);
    image.blobs.push_back({address, std::move(bytes), what});
  };
  add(std::move(prepared.plan), "the plan", block.plan_address, block.plan_bytes);
  add(std::move(prepared.train), "the training data", block.train_address, block.train_bytes);
  add(std::move(prepared.eval), "the evaluation data", block.eval_address, block.eval_bytes);
  if (config.training.inference) {
    inference_block inference = inference_block_of(config);
    block.inference_address = placer.place(sizeof inference, "the inference block");
    inference.result_bytes = sizeof(inference_result);
    inference.result_address = placer.place(inference.result_bytes, "the inference's result block");
    image.inference_result_address = inference.result_address;
    add(std::move(prepared.inference), "the plan of the inference", inference.plan_address, inference.plan_bytes);
    check_traffic_memory(config, inference.result_address, inference.result_address + inference.result_bytes - 1,
                         "the inference's result block");
    image.blobs.push_back({block.inference_address, bytes_of(inference), "the inference block"});
  }
  image.blobs.push_back({image.argument, bytes_of(block), "the run block"});
  for (const auto& blob : image.blobs) {
    check_traffic_memory(config, blob.address, blob.address + blob.bytes.size() - 1, blob.what);
  }
  check_traffic_memory(config, block.result_address, block.result_address + block.result_bytes - 1, "the result block");
  return image;
}

}  // namespace backboard
