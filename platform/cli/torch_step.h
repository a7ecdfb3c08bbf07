// The same training step in PyTorch, where it is installed.
#pragma once

#include <cstdint>
#include <string>

#include "sw/net/network.h"

namespace backboard {

struct TorchStep {
  bool measured = false;
  std::string note;                                ///< PyTorch's version; or why nothing was measured
  double fastest_seconds = 0, median_seconds = 0;  ///< wall
  double processor_seconds = 0;                    ///< median
};

/// Runs scripts/torch_step.py, found beside or above the program or the working folder, with /usr/bin/python3 (Debian's
/// python3-torch): `steps` steps after one that does not count, on one thread.
TorchStep measure_torch_step(const Network& network, uint32_t batch, uint32_t steps);

/// A file of the source tree, looked for from the working folder and from the program's folder upwards; empty: none.
std::string find_in_tree(const std::string& path);

}  // namespace backboard
