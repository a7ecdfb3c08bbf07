// The arrays of a network, held against what a file gives.
#pragma once

#include <string>

#include "sw/net/network.h"
#include "sw/npz/npz.h"

namespace backboard {

/// Checks that `given` holds every array of every layer, moments included, in its shape (FC weights as (k, inputs)
/// too), and nothing else. @throws InputError; `file` is used in errors.
void check_arrays(const Network& network, const Arrays& given, const std::string& file);

}  // namespace backboard
