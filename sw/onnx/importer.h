// The walk over a graph that makes a network of it. Its operations stand in fold.cc (numbers known beforehand),
// views.cc (what only changes dimensions), windows.cc (convolution and pooling), gelu.cc (the operations that GELU is
// made of), layers.cc (all others) and finish.cc (the network as a whole).
#pragma once

#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "sw/onnx/import.h"
#include "sw/onnx/model.h"
#include "sw/onnx/node.h"
#include "sw/onnx/value.h"

namespace backboard {

/// Where a model holds one array of a layer.
struct OnnxSlot {
  std::string array;          ///< "LAYER.weight"
  int node = 0, input = 0;    ///< the input of a node that reads it
  int initializer = -1;       ///< the initialiser that it is; -1: numbers that nodes made
  bool node_flips = false;    ///< the node reads it transposed against the array of the layer
  bool stored_flips = false;  ///< the initialiser holds it transposed against the array of the layer
  bool direct = false;        ///< the node reads the initialiser by its own name
  std::vector<int64_t> dims;  ///< as the node reads it
};

class OnnxImporter {
 public:
  /// `model` must outlive the importer.
  OnnxImporter(const onnx::ModelProto& model, const std::string& file);

  /// @throws InputError.
  OnnxNetwork run();
  /// After run(): one element for each array.
  const std::vector<OnnxSlot>& slots() const { return slots_; }
  /// Whether nothing but this slot depends on its initialiser.
  bool owns_initializer(const OnnxSlot& slot) const;

 private:
  using Operation = OnnxTensor (OnnxImporter::*)(OnnxNode&);
  struct OperationRow;
  static const OperationRow kOperations[];

  void read_metadata();
  void read_initializers();
  void read_inputs();
  void read_image_input(const onnx::ValueInfoProto& input);
  void refuse_unknown_names() const;
  void refuse_computed_moments() const;
  void import_node(int index);
  void finish();
  void refuse_tied_weights() const;
  void add_notes();

  // Values by name.
  [[noreturn]] static void fail_unknown(const OnnxNode& node, const std::string& name);
  const OnnxValue& value(const OnnxNode& node, int slot) const;
  bool is_constant(const OnnxNode& node, int slot) const;
  const OnnxConstant& constant(const OnnxNode& node, int slot, const char* what) const;
  const OnnxConstant& real_constant(const OnnxNode& node, int slot, const char* what) const;
  const std::vector<int64_t>& integer_list(const OnnxNode& node, int slot, const char* what) const;
  float scalar(const OnnxNode& node, int slot, const char* what) const;
  /// A tensor without anything pending.
  const OnnxTensor& tensor(const OnnxNode& node, int slot) const;
  const OnnxTensor& any_tensor(const OnnxNode& node, int slot) const;
  /// A tensor whose dimensions are those of its layer: (n, c, h, w), or (n, c) when h and w are 1.
  const OnnxTensor& image(const OnnxNode& node, int slot);
  const OnnxTensor& image(const OnnxNode& node, const OnnxTensor& given);
  /// As image(), or with rows and columns as one dimension, (n, c, h * w): for layers that see them as one anyway.
  const OnnxTensor& channels(const OnnxNode& node, int slot);
  ImageShape shape_of(const OnnxTensor& tensor) const;

  // Layers.
  [[noreturn]] static void fail_rule(const OnnxNode& node, const ConfigRule& rule);
  /// Adds a layer that reads `sources`; returns its output as (n, c, h, w).
  OnnxTensor add_layer(const OnnxNode& node, NetLayer layer, const std::vector<OnnxTensor>& sources);
  /// The same for a layer that changes no dimension.
  OnnxTensor add_elementwise(const OnnxNode& node, NetLayer layer, const OnnxTensor& source);
  std::string layer_name(const OnnxNode& node, LayerKind kind, int weight_slot);
  /// Takes input `slot` of the node as array "LAYER.suffix" of the newest layer that this node made or extends.
  void add_array(const OnnxNode& node, int layer, const char* suffix, int slot, const std::vector<uint64_t>& shape,
                 bool node_flips = false);

  // Constants.
  /// Counts the integers of a constant that is to be kept.
  void count_integers(const OnnxConstant& constant, const std::string& what);
  std::optional<OnnxConstant> fold(OnnxNode& node);
  OnnxConstant fold_constant_node(OnnxNode& node);
  OnnxConstant fold_constant_of_shape(OnnxNode& node);
  OnnxConstant fold_shape(OnnxNode& node);
  OnnxConstant fold_gather(OnnxNode& node);
  OnnxConstant fold_slice(OnnxNode& node);
  OnnxConstant fold_concat(OnnxNode& node);
  OnnxConstant fold_arithmetic(OnnxNode& node);
  OnnxConstant fold_transpose(OnnxNode& node);
  OnnxConstant fold_cast(OnnxNode& node);
  OnnxConstant fold_dims(OnnxNode& node);

  // Operations.
  std::vector<int64_t> axes_of(OnnxNode& node, size_t rank);
  std::vector<int64_t> reshaped(OnnxNode& node, const std::vector<int64_t>& dims);
  OnnxTensor identity(OnnxNode& node);
  OnnxTensor cast(OnnxNode& node);
  OnnxTensor flatten(OnnxNode& node);
  OnnxTensor reshape(OnnxNode& node);
  OnnxTensor squeeze(OnnxNode& node);
  OnnxTensor unsqueeze(OnnxNode& node);
  OnnxTensor transpose(OnnxNode& node);
  OnnxTensor gather(OnnxNode& node);
  OnnxTensor slice(OnnxNode& node);

  struct Window;
  Window read_window(OnnxNode& node, const OnnxTensor& x, uint32_t kernel_h, uint32_t kernel_w, bool has_dilations);
  void set_window(OnnxNode& node, const Window& window, const ImageShape& in, bool ceil_mode, NetLayer& layer);
  OnnxTensor pad(OnnxNode& node);
  OnnxTensor conv(OnnxNode& node);
  bool has_zeros_around_relu(const OnnxTensor& x) const;
  OnnxTensor maxpool(OnnxNode& node);
  OnnxTensor avgpool(OnnxNode& node);
  OnnxTensor globalpool(OnnxNode& node);
  OnnxTensor global_maxpool(OnnxNode& node);
  OnnxTensor reduce_mean(OnnxNode& node);

  OnnxTensor gemm(OnnxNode& node);
  OnnxTensor matmul(OnnxNode& node);
  OnnxTensor fully_connected(const OnnxNode& node, bool inputs_first, bool has_bias);
  OnnxTensor add(OnnxNode& node);
  OnnxTensor add_bias(const OnnxNode& node, int tensor_slot, int bias_slot);
  OnnxTensor sum(OnnxNode& node);
  OnnxTensor concat(OnnxNode& node);
  bool norm_trains(OnnxNode& node) const;
  OnnxTensor batchnorm(OnnxNode& node);
  OnnxTensor relu(OnnxNode& node);
  OnnxTensor clip(OnnxNode& node);
  OnnxTensor leaky_relu(OnnxNode& node);
  OnnxTensor sigmoid(OnnxNode& node);
  OnnxTensor tanh(OnnxNode& node);
  OnnxTensor dropout(OnnxNode& node);

  OnnxTensor divide(OnnxNode& node);
  OnnxTensor multiply(OnnxNode& node);
  OnnxTensor erf(OnnxNode& node);
  OnnxTensor add_to_erf(const OnnxNode& node, int tensor_slot, int constant_slot);
  OnnxTensor scaled(const OnnxNode& node, int tensor_slot, double factor);
  OnnxTensor gelu_part(const OnnxNode& node, const OnnxTensor& x, OnnxGeluPart::Stage stage, double factor);
  bool is_gelu_part(const OnnxNode& node, int slot) const;
  [[noreturn]] void fail_gelu(const OnnxNode& node) const;

  OnnxTensor resize(OnnxNode& node);
  OnnxTensor softmax(OnnxNode& node);
  OnnxTensor loss(OnnxNode& node);

  const onnx::ModelProto& model_;
  const onnx::GraphProto& graph_;
  const std::string& file_;
  int64_t opset_;
  int64_t batch_ = 0;  ///< of the model's input; 0: left open
  OnnxNetwork result_;
  std::map<std::string, OnnxValue> values_;
  std::map<std::string, uint32_t> uses_;  ///< how often living nodes and outputs read a name
  std::set<int> live_;
  std::set<std::string> layer_names_{kImagesName, "loss"};
  std::map<LayerKind, uint32_t> numbers_;
  std::map<std::pair<int, int>, OnnxTensor> joins_;  ///< outputs of the concat layers by what they read
  std::vector<OnnxSlot> slots_;
  uint64_t weight_elements_ = 0;
  uint64_t integers_ = 0;  ///< in all constants; copies count, too
  bool some_norm_trains_ = false;
  uint32_t inference_norms_ = 0;
  /// Normalisations whose running moments are those of the last batch, and those whose never move.
  std::vector<std::string> last_batch_norms_, still_norms_;
  std::vector<std::string> literals_;  ///< trained arrays that Constant nodes hold
  bool images_read_ = false;
};

/// One operation that makes a tensor of the network.
struct OnnxImporter::OperationRow {
  const char* name;
  Operation run;
  int fewest_inputs, most_inputs;
};

}  // namespace backboard
