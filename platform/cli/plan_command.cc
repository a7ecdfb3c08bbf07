// backboard plan NET.yaml|NET.onnx [-o X.plan] [--policy P] [--engine E] [--weights W.npz | --seed N] [--set
// key=value]...
#include <fmt/format.h>

#include <map>
#include <memory>
#include <optional>

#include "npu/device/npu_config.h"
#include "platform/cli/commands.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "sw/plan/compiler.h"
#include "sw/plan/fold_batchnorm.h"
#include "sw/plan/options.h"
#include "sw/plan/plan.h"
#include "sw/plan/policy.h"
#include "sw/plan/policy_report.h"
#include "sw/run/network_file.h"

namespace backboard {
namespace {

struct PlanCommandOptions {
  std::string network, output, weights, engine = npu::NpuConfig().engine;
  std::optional<std::string> policy, recompute;
  uint32_t batch = 0;
  uint32_t seed = 1;
  std::string init = "he";
  uint64_t buffer_bytes = npu::NpuConfig().buffer_bytes;
  std::vector<std::string> set, policies;
  bool explain = false, dump = false, grow_head = false;
};

int plan(const PlanCommandOptions& options) {
  YamlNode root = YamlNode::mapping();
  std::vector<Overrides::Item> overrides;
  if (options.policy) overrides.push_back({"policy", YamlNode::scalar(*options.policy, true)});
  if (options.recompute) overrides.push_back({"recompute", YamlNode::scalar(*options.recompute, true)});
  if (options.batch != 0) overrides.push_back({"batch", YamlNode::scalar(std::to_string(options.batch))});
  for (const std::string& text : options.set) overrides.push_back(parse_override(text, "--set"));
  apply_overrides(root, overrides);
  const PlanOptions plan_options = config_from<PlanOptions>(root);
  const PlanTarget target = plan_target(options.engine, static_cast<uint32_t>(options.buffer_bytes));
  const NetworkFile file = load_network_file(options.network);
  for (const std::string& note : file.notes) fmt::print(stderr, "{}\n", note);
  if (!options.policies.empty()) {
    fmt::print("{}", policy_table(file.network, plan_options, target, options.policies));
    return kExitPassed;
  }
  const std::map<std::string, WeightsInit> inits(weights_inits().names.begin(), weights_inits().names.end());
  const Arrays weights = load_weights(file, options.weights, options.seed, inits.at(options.init), options.grow_head);
  const std::vector<uint8_t> bytes = compile_plan(file.network, plan_options, target, weights);
  const Plan parsed = parse_plan(bytes, options.network);
  if (!options.output.empty()) {
    write_file_atomically(options.output, bytes);
    fmt::print("{}: {} bytes, {} commands a training step, arena of {} bytes at {:#x}\n", options.output, bytes.size(),
               parsed.program(PLAN_TRAIN_STEP).size() + parsed.program(PLAN_UPDATE).size(), parsed.header.arena_bytes,
               parsed.header.arena_base);
  }
  if (options.explain) fmt::print("{}", folds_text(file.network, norm_folds(file.network, plan_options)));
  if (options.explain || (options.output.empty() && !options.dump)) fmt::print("{}", explain_plan(parsed));
  if (options.explain) fmt::print("{}", explain_schedules(parsed, target));
  if (options.dump) fmt::print("{}", dump_plan(parsed));
  return kExitPassed;
}

}  // namespace

CommandAction declare_plan(CLI::App& app) {
  auto options = std::make_shared<PlanCommandOptions>();
  app.add_option("NET", options->network, "Network: a description (configs/nets/*.yaml), or a model (.onnx)")
      ->required();
  app.add_option("-o,--output", options->output, "Plan to write; absent: only the explanation is printed");
  app.add_option("--policy", options->policy, "Which parameters train. " + policies_offered());
  app.add_option("--policies", options->policies,
                 "Print a table of these policies instead: memory by use, MACs, traffic of a step")
      ->delimiter(',');
  app.add_option("--recompute", options->recompute,
                 "Outputs that the backward pass computes again: none, sqrt, every:K, or names of layers with commas");
  app.add_option("--engine", options->engine, "NPU engine")->capture_default_str();
  app.add_option("--batch", options->batch, "Images of a step")->check(CLI::Range(1u, 1024u));
  app.add_option("--weights", options->weights, "First weights, .npz; absent: the model's, or drawn from the seed");
  app.add_flag("--grow-head", options->grow_head,
               "The weights may have fewer outputs: the last layer gets rows of zeros");
  app.add_option("--seed", options->seed, "Seed of first weights")->capture_default_str();
  app.add_option("--init", options->init, kWeightsInitHelp)
      ->check(CLI::IsMember(weights_inits().names))
      ->capture_default_str();
  app.add_option("--buffer", options->buffer_bytes, "Local buffer of the NPU, bytes")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 31))
      ->capture_default_str();
  app.add_option("--set", options->set,
                 "Compiler option KEY=VALUE, as often as needed (formats.all=fp16, tiles.k=8, ...)")
      ->allow_extra_args(false);
  app.add_flag("--explain", options->explain,
               "Print layers, MACs, memory and traffic, tiles and reuse of every command");
  app.add_flag("--dump", options->dump, "Print every table of the plan");
  return [options] { return plan(*options); };
}

}  // namespace backboard
