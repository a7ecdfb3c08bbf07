#include "platform/run/layer_numbers.h"

#include <fmt/format.h>

#include "platform/run/run_image.h"
#include "sw/plan/plan.h"

namespace backboard {

std::vector<std::string> layer_names(std::span<const uint8_t> plan) {
  std::vector<std::string> names;
  for (const plan_layer& layer : parse_plan(plan, "the plan").layers) names.emplace_back(layer.name);
  return names;
}

std::vector<std::string> layer_names(const RunConfig& config) {
  PrepareRequest request = prepare_request(config);
  request.weights.clear();
  request.train.reset(), request.eval.reset();
  request.train_file.clear(), request.eval_file.clear();
  request.inference = false;
  return layer_names(prepare_run(request, plan_target_of(config)).plan);
}

void check_layer_number(uint32_t number, const std::vector<std::string>& layers, const YamlNode& tree,
                        const std::string& key) {
  if (number < layers.size()) return;
  throw place_of(tree, key).error(key, fmt::format("the plan has no layer {}: its layers are 0 ({}) to {} ({})", number,
                                                   layers.front(), layers.size() - 1, layers.back()));
}

void check_engine_layers(const RunPoint& point, const std::vector<std::string>& layers) {
  const npu::NpuConfig& npu = point.config.platform.npu;
  const auto check = [&](size_t count, const std::string& list, const char* below, const auto& number_of) {
    for (size_t i = 0; i < count; ++i) {
      check_layer_number(number_of(i), layers, point.tree, fmt::format("platform.npu.{}.{}{}", list, i, below));
    }
  };
  if (npu.engine == "taxonn") {
    const auto& formats = npu.engines.taxonn.layers;
    check(formats.size(), "taxonn.layers", ".layer", [&](size_t i) { return formats[i].layer; });
  }
  if (npu.engine == "daa") {
    const auto& daa = npu.engines.daa;
    check(daa.dense_layers.size(), "daa.dense_layers", "", [&](size_t i) { return daa.dense_layers[i]; });
    check(daa.low_layers.size(), "daa.low_layers", "", [&](size_t i) { return daa.low_layers[i]; });
  }
}

}  // namespace backboard
