#include "sw/run/network_file.h"

#include "platform/check/read_file.h"
#include "sw/onnx/import.h"
#include "sw/plan/compiler.h"

namespace backboard {

NetworkFile load_network_file(const std::string& path) {
  NetworkFile file;
  if (!is_onnx_path(path)) {
    file.network = load_network(path);
    return file;
  }
  file.model = read_file(path);
  OnnxNetwork model = parse_onnx(file.model, path);
  file.network = std::move(model.network);
  file.weights = std::move(model.weights);
  file.notes = std::move(model.notes);
  return file;
}

Arrays load_weights(const NetworkFile& file, const std::string& path, uint32_t seed, WeightsInit init, bool grow) {
  if (path.empty()) return file.weights ? *file.weights : initial_weights(file.network, seed, init);
  Arrays weights = read_npz(path);
  if (grow) weights = grow_head(file.network, std::move(weights), path);
  check_weights(file.network, weights, path);
  return weights;
}

}  // namespace backboard
