#include "sw/plan/graph.h"

namespace backboard {

namespace {

bool is_relu(LayerKind kind) {
  return kind == LayerKind::relu || kind == LayerKind::relu6;
}

/// Kinds whose forward command can apply a ReLU to what it stores.
bool takes_relu(LayerKind kind) {
  return kind == LayerKind::conv || kind == LayerKind::fc || kind == LayerKind::batchnorm || kind == LayerKind::add;
}

}  // namespace

Graph make_graph(const Network& network, const std::vector<TrainedParts>& trained) {
  Graph graph;
  std::vector<int> node_of(network.layers.size());
  for (size_t i = 0; i < network.layers.size(); ++i) {
    const NetLayer& layer = network.layers[i];
    const int below = layer.sources.front();
    if (is_relu(layer.kind) && below != kImages && takes_relu(network.layers[below].kind) &&
        network.readers(below).size() == 1) {
      graph[node_of[below]].relu = layer.kind == LayerKind::relu6 ? FusedRelu::relu6 : FusedRelu::relu;
      node_of[i] = node_of[below];
      continue;
    }
    GraphNode node;
    node.layer = &layer;
    node.trained = trained[i];
    node.wants_error = trained[i].any();
    node.batch_moments = trained[i].moments;
    const int number = static_cast<int>(graph.size());
    for (const int source : layer.sources) {
      node.sources.push_back(source == kImages ? kImages : node_of[source]);
      if (source == kImages) continue;
      GraphNode& from = graph[node_of[source]];
      from.readers.push_back(number);
      node.wants_error = node.wants_error || from.wants_error;
    }
    node_of[i] = number;
    graph.push_back(std::move(node));
  }
  return graph;
}

bool sends_error(const Graph& graph, size_t i) {
  for (const int source : graph[i].sources)
    if (source != kImages && graph[source].wants_error) return true;
  return false;
}

}  // namespace backboard
