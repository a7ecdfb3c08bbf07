// ONNX out for a network of ours: a model made from its layers.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"

namespace backboard {

/// A model (operator set 14) of a network with its weights, in training mode: input "images" (n, c, h, w), output
/// "logits" (n, classes). What ONNX cannot say (scale of a pixel, loss) stands in its metadata. Reading it gives the
/// same layers, names and weights, to the bit; the same arguments give the same bytes.
/// @throws InputError when `weights` are not those of the network (`file` names them).
std::vector<uint8_t> write_onnx(const Network& network, const Arrays& weights, const std::string& file);

}  // namespace backboard
