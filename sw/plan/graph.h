// A network as the compiler sees it: layers joined into nodes, with what a freeze policy trains and where errors go.
#pragma once

#include <cstdint>
#include <vector>

#include "sw/net/network.h"
#include "sw/plan/policy.h"

namespace backboard {

/// A ReLU that is part of the command before it.
enum class FusedRelu : uint8_t { none, relu, relu6 };

/// A layer, with the ReLU behind it if that is part of its command. Its number in the graph is its number in reports.
struct GraphNode {
  const NetLayer* layer = nullptr;
  TrainedParts trained;
  FusedRelu relu = FusedRelu::none;
  std::vector<int> sources;    ///< nodes, all below this one, or kImages
  std::vector<int> readers;    ///< nodes, in order; twice when it is read twice
  bool wants_error = false;    ///< it, or something that it reads, trains: the error of its output is needed
  bool batch_moments = false;  ///< batchnorm: a training step normalises by the moments of its batch

  bool is(LayerKind kind) const { return layer->kind == kind; }
};

using Graph = std::vector<GraphNode>;

/// Joins layers to nodes: a ReLU or ReLU6 goes to the conv, fc, batchnorm or add before it when nothing else reads
/// that. `trained` has an element for each layer of the network, which must outlive the graph.
Graph make_graph(const Network& network, const std::vector<TrainedParts>& trained);

/// Whether the error of the inputs of node `i` is wanted by some of them.
bool sends_error(const Graph& graph, size_t i);

}  // namespace backboard
