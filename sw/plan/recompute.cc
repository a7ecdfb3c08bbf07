#include "sw/plan/recompute.h"

#include <charconv>
#include <cmath>

#include "npu/command/operands.h"
#include "platform/check/input_error.h"

namespace backboard {

namespace {

constexpr std::string_view kEvery = "every:";

std::vector<bool> between(size_t nodes, size_t every) {
  std::vector<bool> again(nodes, false);
  for (size_t i = 0; i + 1 < nodes; ++i) again[i] = (i + 1) % every != 0;
  return again;
}

/// The node that computes layer `name`.
size_t node_called(const Network& network, const Graph& graph, const std::string& name) {
  const NetLayer* found = nullptr;
  for (const NetLayer& layer : network.layers)
    if (layer.name == name) found = &layer;
  if (found == nullptr)
    throw InputError(fmt::format(
        "recompute '{}': no layer of network {}; offered: none, sqrt, every:K, names of layers", name, network.name));
  for (size_t i = 0; i < graph.size(); ++i)
    if (graph[i].layer == found) return i;
  // A ReLU: its source is the layer whose command it is part of.
  const NetLayer& source = network.layers[static_cast<size_t>(found->sources.front())];
  throw InputError(
      fmt::format("recompute '{}': it is part of the command of layer {}; name that one", name, source.name));
}

}  // namespace

std::vector<bool> recomputed_outputs(const Network& network, const Graph& graph, const std::string& choice) {
  const size_t nodes = graph.size();
  if (choice == "none") return std::vector<bool>(nodes, false);
  if (choice == "sqrt") return between(nodes, static_cast<size_t>(std::ceil(std::sqrt(static_cast<double>(nodes)))));
  if (choice.starts_with(kEvery)) {
    uint32_t every = 0;
    const char *first = choice.data() + kEvery.size(), *end = choice.data() + choice.size();
    const auto [behind, error] = std::from_chars(first, end, every);
    if (error != std::errc() || behind != end || every < 2)
      throw InputError(fmt::format("recompute '{}': K of every:K is a number from 2 on", choice));
    return between(nodes, every);
  }
  std::vector<bool> again(nodes, false);
  for (size_t first = 0; first <= choice.size();) {
    const size_t end = std::min(choice.find(',', first), choice.size());
    again[node_called(network, graph, choice.substr(first, end - first))] = true;
    first = end + 1;
  }
  if (again.back())
    throw InputError(
        fmt::format("recompute '{}': {} makes the logits, which are kept", choice, graph.back().layer->name));
  return again;
}

bool renews(const Draft& draft, const DraftCommand& command, int buffer) {
  bool whole = false;
  for (unsigned slot = 0; slot < npu::kOperands; ++slot) {
    const int tensor = command.tensors[slot];
    if (tensor == kNoTensor || draft.tensors[tensor].buffer != buffer) continue;
    if (npu::operand_of(command.fields, slot) == nullptr) continue;
    if (npu::reads(command.fields, slot)) return false;
    const DraftTensor& written = draft.tensors[tensor];
    const uint64_t elements = uint64_t{written.shape[0]} * written.shape[1] * written.shape[2] * written.shape[3];
    const uint64_t bytes = npu::is_coded(written.format) ? written.geometry.tensor_bytes(written.format)
                                                         : elements * npu::dense_bytes(written.format);
    whole |= written.offset_bytes == 0 && written.stride_n == 0 && bytes == draft.buffers[buffer].data_bytes;
  }
  return whole;
}

}  // namespace backboard
