// Networks and compiled plans that the plan tests share.
#pragma once

#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/plan/compiler.h"
#include "sw/plan/plan.h"

namespace backboard::sw_test {

inline const std::string kSource = BACKBOARD_SOURCE;

inline Network net_s() {
  return load_network(kSource + "/configs/nets/s.yaml");
}

/// Every kind of layer, a ReLU behind a pooling, a convolution without bias, pooling that the ReLU's mask goes through,
/// average pooling that it does not, and feature maps of more than 1024 pixels.
inline Network odd_net() {
  return parse_network(
      "name: odd\ninput: {channels: 2, rows: 40, columns: 36}\nlayers:\n"
      "  - {type: conv, channels: 5, kernel: 3, pad: 1, bias: off}\n"
      "  - {type: relu}\n"
      "  - {type: avgpool, kernel: 2}\n"                                         // 20 x 18
      "  - {type: conv, channels: 6, kernel: [3, 2], stride: 2, pad: [1, 0]}\n"  // 10 x 9
      "  - {type: maxpool, kernel: 3, stride: 2, pad: 1}\n"                      // 5 x 5
      "  - {type: relu}\n"
      "  - {type: conv, channels: 7, kernel: 1}\n"
      "  - {type: relu}\n"
      "  - {type: maxpool, kernel: 2, stride: 1}\n"  // 4 x 4
      "  - {type: avgpool, kernel: 2}\n"             // 2 x 2
      "  - {type: fc, channels: 9}\n"
      "  - {type: relu}\n"
      "  - {type: fc, channels: 4}\n",
      "odd.yaml");
}

/// Global pooling before the head, and an FC layer that reads a map of more than 1024 pixels a channel.
inline Network global_net() {
  return parse_network(
      "name: global\ninput: {channels: 1, rows: 12, columns: 12}\nlayers:\n"
      "  - {type: conv, channels: 8, kernel: 3}\n  - {type: relu}\n  - {type: globalpool}\n  - {type: fc, channels: "
      "3}\n",
      "global.yaml");
}
inline Network wide_fc_net() {
  return parse_network(
      "name: wide\ninput: {channels: 2, rows: 40, columns: 40}\nlayers:\n"
      "  - {type: conv, channels: 2, kernel: 3, pad: 1}\n  - {type: relu}\n  - {type: fc, channels: 3}\n",
      "wide.yaml");
}

inline Plan compile(const Network& network, const PlanOptions& options, const std::string& engine,
                    uint32_t buffer_bytes = 372 * 1024) {
  const std::vector<uint8_t> bytes =
      compile_plan(network, options, plan_target(engine, buffer_bytes), initial_weights(network, 1));
  return parse_plan(bytes, "plan");
}

/// One combination of what shapes a plan.
struct PlanCase {
  std::string network, engine, policy, formats, fused;
  bool momentum;
  uint32_t batch;
  std::string name() const {
    return network + " " + engine + " " + policy + " " + formats + " " + fused + (momentum ? " momentum " : " ") +
           std::to_string(batch);
  }
};

inline Network network_of(const PlanCase& c) {
  if (c.network == "s") return net_s();
  if (c.network == "odd") return odd_net();
  if (c.network == "global") return global_net();
  return wide_fc_net();
}

inline PlanOptions options_of(const PlanCase& c) {
  PlanOptions options;
  options.policy = c.policy;
  options.batch = c.batch;
  options.momentum = c.momentum;
  options.fused = c.fused == "on" ? Fusion::on : Fusion::off;
  options.formats.all = c.formats;
  return options;
}

inline std::vector<PlanCase> plan_cases() {
  std::vector<PlanCase> cases;
  for (const char* network : {"s", "odd", "global", "wide"})
    for (const char* policy : {"full", "last:1", "last:2", "bias"})
      for (const char* fused : {"on", "off"})
        for (const bool momentum : {false, true}) {
          for (const char* engine : {"reference", "rowpipe"})
            cases.push_back({network, engine, policy, "auto", fused, momentum, 3});
          for (const char* formats : {"auto", "fp16", "fp16z", "fgmp", "fp8"})
            cases.push_back({network, "lnpu", policy, formats, fused, momentum, 3});
        }
  cases.push_back({"s", "lnpu", "full", "auto", "on", false, 1});
  cases.push_back({"s", "lnpu", "full", "auto", "on", false, 64});
  return cases;
}

}  // namespace backboard::sw_test
