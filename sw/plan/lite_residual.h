// Lite residual modules (TinyTL: Cai et al., NeurIPS 2020): small branches beside frozen layers that learn the change
// which transfer needs, on maps of reduced resolution, so that little is kept for their gradients.
#pragma once

#include "sw/net/network.h"
#include "sw/npz/npz.h"

namespace backboard {

/// The network with branches; layers of branches have `lite` set and are called lr1.pool, lr1.g, lr1.p, lr1.up,
/// lr1.sum. A network with `add` layers gets one branch for each, from the input that the shortcut starts at to the end
/// of the main path; one without gets one beside each convolution but the first. A branch is: mean pooling down to half
/// the rows and columns of its end, a 3 x 3 convolution in two groups with ReLU, a 1 x 1 convolution, a repetition of
/// elements by two, and an addition. Where the end has an odd number of rows or columns it keeps them. Ends that are no
/// whole number of times smaller than the start get no branch.
/// @throws InputError when no place for a branch is found.
Network with_lite_residuals(const Network& network);

/// Adds what `weights` lacks for the branches of with_lite_residuals(): first weights of the 3 x 3 convolutions (seed
/// 1), zeros for the 1 x 1 convolutions, so that the network computes what it did.
Arrays with_lite_weights(const Network& network, const Arrays& weights);

}  // namespace backboard
