// ONNX in: a model becomes a network of ours and its weights. docs/formats/onnx.md lists what is read.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"

namespace backboard {

/// A network that came from a model.
struct OnnxNetwork {
  Network network;                 ///< check() has run
  Arrays weights;                  ///< every array of every layer, binary32; FC weights are (k, inputs)
  std::vector<std::string> notes;  ///< what the model says that training here reads differently, a line each
};

/// Whether a path names a model: it ends in ".onnx".
bool is_onnx_path(const std::string& path);

/// Reads a model of one file, operator sets 11 to 17.
/// @throws InputError naming the file and, where one is at fault, node, operation and attribute.
OnnxNetwork import_onnx(const std::string& path);
/// The same from bytes; `file` is used in errors.
OnnxNetwork parse_onnx(std::span<const uint8_t> bytes, const std::string& file);

}  // namespace backboard
