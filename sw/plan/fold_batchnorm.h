// Batch normalisations as part of the layer before them: gamma (w x + b - mean) / sqrt(variance + epsilon) + beta is a
// convolution or FC layer with weights w gamma / sqrt(variance + epsilon), as long as none of these numbers moves.
#pragma once

#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"
#include "sw/plan/options.h"

namespace backboard {

/// A batch normalisation and the layer that takes it over, by their numbers in the network.
struct NormFold {
  size_t norm = 0, into = 0;
};

/// Which batch normalisations `options.fold_batchnorm` folds under `options.policy`: those directly behind a
/// convolution or FC layer that nothing else reads, where neither of the two nor any layer below them trains. In the
/// order of the network.
/// @throws InputError when it is `on` and one cannot be folded, naming the layer and why; and as apply_policy().
std::vector<NormFold> norm_folds(const Network& network, const PlanOptions& options);

/// The network without the normalisations that are folded; the layers that take them over have a bias.
Network folded_network(const Network& network, const std::vector<NormFold>& folds);

/// Its weights, worked out in double precision and rounded once. `weights` are those of `network`.
Arrays folded_weights(const Network& network, const std::vector<NormFold>& folds, const Arrays& weights);

/// The weights of `network` again, from those of the folded network after training: what was folded did not train, so
/// it is as in `first`, the weights before folding.
Arrays unfolded_weights(const Network& network, const std::vector<NormFold>& folds, const Arrays& first,
                        Arrays trained);

/// "batch normalisation n1 is folded into c1", a line each.
std::string folds_text(const Network& network, const std::vector<NormFold>& folds);

}  // namespace backboard
