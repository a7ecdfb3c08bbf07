#include "sw/onnx/model.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>

#include <bit>
#include <cstring>

#include "platform/check/check.h"
#include "sw/onnx/wire.h"

namespace backboard {

namespace {

using onnx::TensorProto;

constexpr uint64_t kMaxElements = uint64_t{1} << 28;

static_assert(std::endian::native == std::endian::little, "raw_data is little-endian");

std::string type_name(int type) {
  return TensorProto::DataType_IsValid(type) ? TensorProto::DataType_Name(static_cast<TensorProto::DataType>(type))
                                             : fmt::format("type {}", type);
}

/// Elements by the dimensions.
uint64_t elements_of(const TensorProto& tensor, const std::string& what) {
  if (tensor.data_location() == TensorProto::EXTERNAL || tensor.external_data_size() != 0)
    throw InputError(what + ": its data lies in another file; only models of one file are read");
  if (tensor.has_segment()) throw InputError(what + ": a tensor in segments is not read");
  if (tensor.dims_size() > 8) throw InputError(fmt::format("{}: {} dimensions; at most 8", what, tensor.dims_size()));
  uint64_t elements = 1;
  for (const int64_t dimension : tensor.dims()) {
    if (dimension < 0 || static_cast<uint64_t>(dimension) > kMaxElements)
      throw InputError(fmt::format("{}: a dimension of {}", what, dimension));
    elements *= static_cast<uint64_t>(dimension);
    if (elements > kMaxElements) throw InputError(fmt::format("{}: more than {} elements", what, kMaxElements));
  }
  return elements;
}

/// Elements of T from raw_data, or from the typed field when there is no raw_data.
template <class Out, class T, class Field>
std::vector<Out> elements(const TensorProto& tensor, const Field& field, const std::string& what) {
  const uint64_t count = elements_of(tensor, what);
  if (!tensor.has_raw_data()) {
    if (static_cast<uint64_t>(field.size()) != count)
      throw InputError(fmt::format("{}: {} elements, its dimensions say {}", what, field.size(), count));
    std::vector<Out> values(count);
    for (uint64_t i = 0; i < count; ++i) values[i] = static_cast<Out>(field[static_cast<int>(i)]);
    return values;
  }
  if (tensor.raw_data().size() != count * sizeof(T))
    throw InputError(
        fmt::format("{}: {} bytes of data, its dimensions say {}", what, tensor.raw_data().size(), count * sizeof(T)));
  std::vector<Out> values(count);
  for (uint64_t i = 0; i < count; ++i) {
    T value;
    std::memcpy(&value, tensor.raw_data().data() + i * sizeof(T), sizeof(T));
    values[i] = static_cast<Out>(value);
  }
  return values;
}

}  // namespace

onnx::ModelProto parse_model(std::span<const uint8_t> bytes, const std::string& file) {
  if (bytes.size() > kLargestModel_bytes)
    throw InputError(fmt::format("{}: {} bytes; at most {}", file, bytes.size(), kLargestModel_bytes));
  onnx::ModelProto model;
  check_wire(bytes, *onnx::ModelProto::descriptor(), file);
  if (!model.ParseFromArray(bytes.data(), static_cast<int>(bytes.size())))
    throw InputError(file + ": not an ONNX model: libprotobuf cannot parse it");
  if (!model.has_graph()) throw InputError(file + ": not an ONNX model: it holds no graph");
  opset_of(model, file);
  return model;
}

int64_t opset_of(const onnx::ModelProto& model, const std::string& file) {
  for (const onnx::OperatorSetIdProto& set : model.opset_import()) {
    if (!set.domain().empty() && set.domain() != "ai.onnx") continue;
    if (set.version() < kOldestOpset || set.version() > kNewestOpset)
      throw InputError(
          fmt::format("{}: operator set {}; {} to {} are read", file, set.version(), kOldestOpset, kNewestOpset));
    return set.version();
  }
  throw InputError(file + ": the model names no version of the default operator set (opset_import)");
}

bool is_real(const TensorProto& tensor) {
  return tensor.data_type() == TensorProto::FLOAT || tensor.data_type() == TensorProto::DOUBLE;
}

std::vector<float> floats_of(const TensorProto& tensor, const std::string& what) {
  if (tensor.data_type() == TensorProto::FLOAT) return elements<float, float>(tensor, tensor.float_data(), what);
  if (tensor.data_type() == TensorProto::DOUBLE) return elements<float, double>(tensor, tensor.double_data(), what);
  throw InputError(fmt::format("{}: {} is not read here, only FLOAT", what, type_name(tensor.data_type())));
}

InputError too_many_integers(const std::string& what) {
  return InputError(fmt::format("{}: more than {} integers in the model's constants", what, kMostIntegers));
}

std::vector<int64_t> integers_of(const TensorProto& tensor, const std::string& what) {
  if (elements_of(tensor, what) > kMostIntegers) throw too_many_integers(what);
  if (tensor.data_type() == TensorProto::INT64) return elements<int64_t, int64_t>(tensor, tensor.int64_data(), what);
  if (tensor.data_type() == TensorProto::INT32) return elements<int64_t, int32_t>(tensor, tensor.int32_data(), what);
  if (tensor.data_type() == TensorProto::BOOL) return elements<int64_t, uint8_t>(tensor, tensor.int32_data(), what);
  throw InputError(fmt::format("{}: {} is not read, only FLOAT, DOUBLE, INT64, INT32 and BOOL", what,
                               type_name(tensor.data_type())));
}

void set_floats(TensorProto& tensor, const std::vector<float>& values) {
  tensor.set_data_type(TensorProto::FLOAT);
  tensor.clear_float_data();
  tensor.clear_double_data();
  tensor.set_raw_data(values.data(), values.size() * sizeof(float));
}

std::set<int> live_nodes(const onnx::GraphProto& graph, std::map<std::string, uint32_t>& uses) {
  std::map<std::string, int> makers;
  for (int i = 0; i < graph.node_size(); ++i)
    for (const std::string& output : graph.node(i).output())
      if (!output.empty()) makers.emplace(output, i);
  std::set<int> live;
  std::vector<std::string> wanted;
  for (const onnx::ValueInfoProto& output : graph.output()) wanted.push_back(output.name());
  while (!wanted.empty()) {
    const std::string name = std::move(wanted.back());
    wanted.pop_back();
    ++uses[name];
    const auto maker = makers.find(name);
    if (maker == makers.end() || !live.insert(maker->second).second) continue;
    for (const std::string& input : graph.node(maker->second).input())
      if (!input.empty()) wanted.push_back(input);
  }
  return live;
}

std::vector<float> transposed(std::span<const float> from, size_t columns) {
  const size_t rows = columns == 0 ? 0 : from.size() / columns;
  std::vector<float> to(from.size());
  for (size_t r = 0; r < rows; ++r)
    for (size_t c = 0; c < columns; ++c) to[r * columns + c] = from[c * rows + r];
  return to;
}

std::vector<uint8_t> serialise(const onnx::ModelProto& model) {
  std::vector<uint8_t> bytes(model.ByteSizeLong());
  google::protobuf::io::ArrayOutputStream stream(bytes.data(), static_cast<int>(bytes.size()));
  google::protobuf::io::CodedOutputStream coded(&stream);
  coded.SetSerializationDeterministic(true);
  BB_CHECK(model.SerializeToCodedStream(&coded), "{} bytes", bytes.size());
  return bytes;
}

}  // namespace backboard
