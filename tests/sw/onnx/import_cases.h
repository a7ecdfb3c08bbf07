// What the import's tests share: reading a model that was built by hand, and a network around a few nodes.
#pragma once

#include <string>

#include "sw/onnx/import.h"
#include "tests/sw/onnx/model_builder.h"

namespace backboard::sw_test {

constexpr int64_t kOpen = -1;

inline OnnxNetwork read(const ModelBuilder& model) {
  return parse_onnx(model.bytes(), "test.onnx");
}

/// The layers' kinds in order, separated by spaces.
inline std::string kinds(const Network& network) {
  std::string text;
  for (const NetLayer& layer : network.layers) text += (text.empty() ? "" : " ") + std::string(name_of(layer.kind));
  return text;
}

/// images (n, 2, 6, 6) -> what `add` puts between "x" and "y" of `channels` channels -> head.
template <class Add>
Network between(int64_t channels, Add add, int64_t opset = 13) {
  ModelBuilder model(opset);
  model.input({kOpen, 2, 6, 6});
  add(model);
  add_head(model, channels);
  return read(model).network;
}

}  // namespace backboard::sw_test
