#include "sw/onnx/export.h"

#include <fmt/format.h>

#include "sw/onnx/arrays.h"
#include "sw/onnx/importer.h"

namespace backboard {

namespace {

class ModelWriter {
 public:
  explicit ModelWriter(onnx::GraphProto& graph) : graph_(graph) {
    live_before_ = live_nodes(graph, uses_before_);
    for (const onnx::NodeProto& node : graph.node())
      for (const std::string& name : node.output()) names_.insert(name);
    for (const onnx::TensorProto& tensor : graph.initializer()) names_.insert(tensor.name());
    for (const onnx::ValueInfoProto& input : graph.input()) names_.insert(input.name());
  }

  /// The node gets an initialiser of its own.
  void give(const OnnxSlot& slot, const std::vector<float>& values) {
    onnx::TensorProto& tensor = *graph_.add_initializer();
    std::string name = slot.array;
    for (unsigned number = 2; !names_.insert(name).second; ++number) name = fmt::format("{}_{}", slot.array, number);
    tensor.set_name(name);
    for (const int64_t dim : slot.dims) tensor.add_dims(dim);
    set_floats(tensor, values);
    graph_.mutable_node(slot.node)->set_input(slot.input, name);
  }

  /// Removes what nothing reads any more.
  void prune() {
    std::map<std::string, uint32_t> uses;
    const std::set<int> live = live_nodes(graph_, uses);
    for (int i = graph_.node_size(); i-- > 0;)
      if (live_before_.contains(i) && !live.contains(i)) graph_.mutable_node()->DeleteSubrange(i, 1);
    const auto lost = [&](const std::string& name) { return uses_before_.contains(name) && !uses.contains(name); };
    for (int i = graph_.initializer_size(); i-- > 0;)
      if (lost(graph_.initializer(i).name())) graph_.mutable_initializer()->DeleteSubrange(i, 1);
    for (int i = graph_.input_size(); i-- > 0;)
      if (lost(graph_.input(i).name())) graph_.mutable_input()->DeleteSubrange(i, 1);
  }

 private:
  onnx::GraphProto& graph_;
  std::map<std::string, uint32_t> uses_before_;
  std::set<int> live_before_;
  std::set<std::string> names_;
};

}  // namespace

std::vector<uint8_t> export_onnx(std::span<const uint8_t> model, const std::string& file, const Arrays& weights,
                                 const std::string& weights_file) {
  const onnx::ModelProto before = parse_model(model, file);
  OnnxImporter importer(before, file);
  const OnnxNetwork read = importer.run();
  check_arrays(read.network, weights, weights_file);
  onnx::ModelProto after = before;
  onnx::GraphProto& graph = *after.mutable_graph();
  ModelWriter writer(graph);
  for (const OnnxSlot& slot : importer.slots()) {
    const Array& array = weights.at(slot.array);
    const std::vector<float> values = array.floats();
    const auto flipped = [&] { return transposed(values, array.shape[0]); };
    // Constants that stay, gamma and beta that do not train among them, keep their nodes.
    if (slot.initializer < 0 && array.bytes == read.weights.at(slot.array).bytes) continue;
    if (importer.owns_initializer(slot))
      set_floats(*graph.mutable_initializer(slot.initializer), slot.stored_flips ? flipped() : values);
    else
      writer.give(slot, slot.node_flips ? flipped() : values);
  }
  writer.prune();
  return serialise(after);
}

}  // namespace backboard
