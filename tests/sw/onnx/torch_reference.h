// Networks exported from PyTorch in training mode, and what PyTorch computed from them in binary64: the files under
// data/ come from export_networks.py.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sw/onnx/import.h"
#include "tests/sw/plan/graph_reference.h"
#include "tests/sw/plan/plan_player.h"

namespace backboard::sw_test {

/// A model and what PyTorch says about it.
struct Exported {
  std::vector<uint8_t> bytes;  ///< of the model
  OnnxNetwork model;
  double rate = 0.02;  ///< of the steps
  std::vector<double> inference, training, losses, after;
  test::Maps images;
  std::vector<uint16_t> labels;
};

/// data/NAME.onnx and .npz; parameters that the file leaves out are made by the formula of export_networks.py.
Exported exported(const std::string& name);

/// Logits, losses and 10 steps of the graph trainer are PyTorch's to 1e-9.
void check_double(const std::string& name);

/// The same on the NPU's `reference` engine, compiled from the model, to 1e-4. Gives the weights behind the steps.
Arrays check_reference(const std::string& name, uint32_t arena_bytes = kRigBytes - (3u << 20));

}  // namespace backboard::sw_test
