// Net S of the weight files as a double-precision trainer that shares no code with the board.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "sw/pack/pack.h"
#include "tests/support/trainer.h"

namespace backboard::test {

/// Layers of net S with parameters: index in net_s() and name in the files.
const std::vector<std::pair<size_t, std::string>>& net_s_layers();

/// Net S with the weights of an .npz file; a head of fewer than 10 outputs grows by rows of zeros, as `grow_head` does.
Trainer net_s_from(const std::string& weights_file);

/// Pixels times scale, (n, c, h, w).
std::vector<double> images_of(const DataSet& data);

}  // namespace backboard::test
