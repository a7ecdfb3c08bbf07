// Names of layers from the names of a model, which are longer and freer than ours.
#pragma once

#include <string>

namespace backboard {

/// The part of an initialiser's name that stands for its layer: "layer1.0.conv1.weight" gives "layer1.0.conv1". Empty
/// when it is a number that an exporter made ("onnx::Conv_57").
std::string name_of_weight(const std::string& initializer);

/// The part of a node's name that stands for its module: "/layer1/layer1.0/conv1/Conv" gives "layer1.0.conv1". Empty
/// when it is no path.
std::string name_of_node(const std::string& node);

/// A name of at most `length` letters, digits, '_' and '.': longer names keep the first letters and the digits at the
/// end of each of their parts ("layer1.0.downsample.0" becomes "laye1.0.down.0"). Empty when that does not suffice.
std::string shortened(const std::string& name, size_t length);

}  // namespace backboard
