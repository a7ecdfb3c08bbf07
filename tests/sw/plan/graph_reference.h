// The independent graph trainer set up for a network of ours, and data sets of random images for it.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "sw/net/network.h"
#include "sw/npz/npz.h"
#include "sw/pack/pack.h"
#include "tests/support/graph_trainer.h"

namespace backboard::sw_test {

/// The trainer with a network's weights. Batch normalisations named in `running` keep their running moments.
test::GraphTrainer graph_trainer(const Network& network, const Arrays& weights,
                                 const std::set<std::string>& running = {});

/// Images (n, c, h, w) of a batch as numbers.
test::Maps batch_maps(const DataSet& data, std::span<const uint32_t> images);
std::vector<uint16_t> batch_labels(const DataSet& data, std::span<const uint32_t> images);

/// A packed data set of random images of a shape, with random labels below `classes`.
std::vector<uint8_t> random_image_set(const Network& network, uint32_t images, uint32_t seed);

/// Largest over all arrays of largest difference over largest magnitude; `floor` bounds the magnitude from below.
double largest_difference(const test::GraphTrainer& trainer, const Arrays& weights, double floor = 0.0);

/// Weights for tests: random everywhere, biases and moments too.
Arrays random_weights(const Network& network, uint32_t seed);

}  // namespace backboard::sw_test
