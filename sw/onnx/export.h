// ONNX out: a model with the weights of an adapted network in place of its own.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sw/npz/npz.h"

namespace backboard {

/// The model in `model` (bytes of a file that import_onnx() reads; `file` is used in errors) with its arrays replaced
/// by `weights`, which holds exactly those that the import gives. Graph, names, inputs and outputs stay as they are; an
/// initialiser that several layers shared becomes one for each. Reading the result again gives `weights` to the bit.
/// @throws InputError for a model that cannot be read, and for weights that are not those of its network
///   (`weights_file` names them).
std::vector<uint8_t> export_onnx(std::span<const uint8_t> model, const std::string& file, const Arrays& weights,
                                 const std::string& weights_file);

}  // namespace backboard
