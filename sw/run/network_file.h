// A network that a user named: a description of ours (.yaml), or a model (.onnx) with its weights.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"
#include "sw/plan/weights_init.h"

namespace backboard {

struct NetworkFile {
  Network network;
  std::optional<Arrays> weights;   ///< of a model
  std::vector<uint8_t> model;      ///< bytes of the model, for its export with other weights; empty: no model
  std::vector<std::string> notes;  ///< for the user, a line each
};

/// Reads a network; one whose name ends in ".onnx" as a model.
/// @throws InputError.
NetworkFile load_network_file(const std::string& path);

/// First weights: from `path` (.npz) if given, else those of the model, else drawn as `init` says. `grow`: those of
/// `path` may have fewer outputs than the network (`grow_head`).
/// @throws InputError when those of `path` do not fit.
Arrays load_weights(const NetworkFile& file, const std::string& path, uint32_t seed, WeightsInit init,
                    bool grow = false);

}  // namespace backboard
