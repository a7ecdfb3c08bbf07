#include "sw/run/prepare.h"

#include "platform/check/input_error.h"
#include "sw/file/file.h"
#include "sw/pack/pack.h"
#include "sw/plan/plan.h"
#include "sw/run/network_file.h"

namespace backboard {

namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr uint64_t kArenaAlignment_bytes = 64;

/// Of the inference beside a training with `options`, whose plan has the header `training`: the arena behind its.
PlanOptions inference_options(const PlanOptions& options, const plan_header& training) {
  PlanOptions inference = options;
  inference.policy = "none";
  inference.batch = 1;
  inference.momentum = false;
  inference.optimizer = Optimizer::sgd;
  inference.accumulate = 1;
  inference.gradient_norm = false;
  inference.recompute = "none";
  inference.fold_batchnorm = NormFolding::off;
  inference.fused = Fusion::automatic;
  inference.beside_training = true;
  const uint64_t end = options.arena_base + options.arena_bytes;
  const uint64_t taken = uint64_t{training.arena_base} + training.arena_bytes;
  inference.arena_base = (taken + kArenaAlignment_bytes - 1) / kArenaAlignment_bytes * kArenaAlignment_bytes;
  inference.arena_bytes = end > inference.arena_base ? end - inference.arena_base : 0;
  return inference;
}

std::vector<uint8_t> plan_bytes(const PrepareRequest& request, const PlanTarget& target, PreparedRun& run) {
  if (!request.plan.empty()) {
    std::vector<uint8_t> bytes = read_file(request.plan, kMaxFileBytes);
    const plan_header header = parse_plan(bytes, request.plan).header;
    if (header.engine != static_cast<uint32_t>(target.offer.engine))
      throw InputError(fmt::format("{}: compiled for engine {}, the board has {}", request.plan,
                                   npu::name_of(static_cast<npu::EngineId>(header.engine)), target.offer.name));
    if (header.buffer_bytes > target.buffer_bytes)
      throw InputError(fmt::format("{}: compiled for a buffer of {} bytes, the board has {}", request.plan,
                                   header.buffer_bytes, target.buffer_bytes));
    return bytes;
  }
  if (request.network.empty()) return {};
  NetworkFile file = load_network_file(request.network);
  run.model = std::move(file.model);
  run.notes = std::move(file.notes);
  const Arrays weights =
      load_weights(file, request.weights, request.weights_seed, request.weights_init, request.grow_head);
  std::vector<uint8_t> plan = compile_plan(file.network, request.options, target, weights);
  std::vector<NormFold> folds = norm_folds(file.network, request.options);
  if (request.inference) {
    // What the training folds is folded here, no more: the parameters of the two stay alike.
    const plan_header header = parse_plan(plan, "the compiled plan").header;
    run.inference = compile_plan(folded_network(file.network, folds), inference_options(request.options, header),
                                 target, folded_weights(file.network, folds, weights));
  }
  if (!folds.empty()) run.folded = RunFolds{std::move(file.network), std::move(folds), weights};
  return plan;
}

std::vector<uint8_t> data_bytes(const std::optional<PackSpec>& spec, const std::string& path) {
  if (spec) return pack_data(*spec);
  if (path.empty()) return {};
  std::vector<uint8_t> bytes = read_file(path, kMaxFileBytes);
  parse_data(bytes, path);
  return bytes;
}

}  // namespace

void check_data_fits(std::span<const uint8_t> plan, std::span<const uint8_t> data, const std::string& file) {
  const plan_header header = parse_plan(plan, "the plan").header;
  const DataSet set = parse_data(data, file);
  const ImageShape wanted{header.input_c, header.input_h, header.input_w};
  if (set.shape != wanted)
    throw InputError(fmt::format("{}: images of {} x {} x {}, the plan wants {} x {} x {}", file, set.shape.c,
                                 set.shape.h, set.shape.w, wanted.c, wanted.h, wanted.w));
  if (set.scale != header.input_scale)
    throw InputError(fmt::format("{}: one step is {:.9g}, the plan wants {:.9g}", file, set.scale, header.input_scale));
  if (set.classes > header.classes)
    throw InputError(fmt::format("{}: {} classes, the plan has {}", file, set.classes, header.classes));
}

PreparedRun prepare_run(const PrepareRequest& request, const PlanTarget& target) {
  PreparedRun run;
  run.plan = plan_bytes(request, target, run);
  run.train = data_bytes(request.train, request.train_file);
  run.eval = data_bytes(request.eval, request.eval_file);
  if (run.plan.empty()) return run;
  const auto check = [&](const std::vector<uint8_t>& bytes, const std::optional<PackSpec>& spec,
                         const std::string& path) {
    if (!bytes.empty()) check_data_fits(run.plan, bytes, spec ? spec->images : path);
  };
  check(run.train, request.train, request.train_file);
  check(run.eval, request.eval, request.eval_file);
  return run;
}

}  // namespace backboard
