// Numbers that a graph works out before it runs: constants, transposed weights, and the shapes that exporters compute.
#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#include "sw/onnx/importer.h"

namespace backboard {

namespace {

/// Of a computed list of integers: shapes are short, and what grows with each node must end.
constexpr size_t kLongestList = 64;
constexpr uint64_t kMaxFolded = uint64_t{1} << 28;

OnnxConstant list_of(std::vector<int64_t> integers) {
  OnnxConstant result;
  result.dims = {static_cast<int64_t>(integers.size())};
  result.integers = std::move(integers);
  return result;
}

size_t position(const OnnxNode& node, int64_t index, size_t size, const char* what) {
  const int64_t at = index < 0 ? index + static_cast<int64_t>(size) : index;
  if (index == kBatch || at < 0 || at >= static_cast<int64_t>(size))
    node.fail(fmt::format("{} {} of {} elements", what, index, size));
  return static_cast<size_t>(at);
}

/// Elements of dimensions `dims` in the order of those dimensions permuted.
template <class T>
std::vector<T> permuted(const std::vector<T>& from, const std::vector<int64_t>& dims,
                        const std::vector<int64_t>& perm) {
  const size_t rank = dims.size();
  std::vector<size_t> strides(rank, 1);
  for (size_t i = rank; i-- > 1;) strides[i - 1] = strides[i] * static_cast<size_t>(dims[i]);
  std::vector<T> values(from.size());
  std::vector<int64_t> at(rank, 0);
  for (T& value : values) {
    size_t offset = 0;
    for (size_t i = 0; i < rank; ++i) offset += strides[perm[i]] * static_cast<size_t>(at[i]);
    value = from[offset];
    for (size_t i = rank; i-- > 0 && ++at[i] == dims[perm[i]];) at[i] = 0;
  }
  return values;
}

}  // namespace

std::optional<OnnxConstant> OnnxImporter::fold(OnnxNode& node) {
  using Fold = OnnxConstant (OnnxImporter::*)(OnnxNode&);
  struct Row {
    const char* name;
    Fold run;
    int fewest_inputs, most_inputs;
  };
  static constexpr Row kFolds[] = {
      {"Add", &OnnxImporter::fold_arithmetic, 2, 2},
      {"Cast", &OnnxImporter::fold_cast, 1, 1},
      {"Concat", &OnnxImporter::fold_concat, 1, 64},
      {"Constant", &OnnxImporter::fold_constant_node, 0, 0},
      {"ConstantOfShape", &OnnxImporter::fold_constant_of_shape, 1, 1},
      {"Div", &OnnxImporter::fold_arithmetic, 2, 2},
      {"Gather", &OnnxImporter::fold_gather, 2, 2},
      {"Identity", &OnnxImporter::fold_dims, 1, 1},
      {"Mul", &OnnxImporter::fold_arithmetic, 2, 2},
      {"Reshape", &OnnxImporter::fold_dims, 2, 2},
      {"Shape", &OnnxImporter::fold_shape, 1, 1},
      {"Slice", &OnnxImporter::fold_slice, 3, 5},
      {"Squeeze", &OnnxImporter::fold_dims, 1, 2},
      {"Sub", &OnnxImporter::fold_arithmetic, 2, 2},
      {"Transpose", &OnnxImporter::fold_transpose, 1, 1},
      {"Unsqueeze", &OnnxImporter::fold_dims, 1, 2},
  };
  const Row* row = nullptr;
  for (const Row& candidate : kFolds)
    if (node.operation() == candidate.name) row = &candidate;
  if (row == nullptr) return {};
  const int inputs = node.proto().input_size();
  if (inputs < row->fewest_inputs || inputs > row->most_inputs) return {};
  if (node.operation() != "Shape")
    for (int i = 0; i < inputs; ++i)
      if (!node.input(i).empty() && !is_constant(node, i)) return {};
  OnnxConstant result = (this->*row->run)(node);
  result.direct = false;
  count_integers(result, node.title());
  return result;
}

void OnnxImporter::count_integers(const OnnxConstant& constant, const std::string& what) {
  integers_ += constant.integers.size();
  if (integers_ > kMostIntegers) throw too_many_integers(what);
}

OnnxConstant OnnxImporter::fold_constant_node(OnnxNode& node) {
  OnnxConstant result;
  result.literal = true;
  const auto reals = [&](std::vector<float> values) {
    result.reals = std::make_shared<const std::vector<float>>(std::move(values));
  };
  if (const onnx::TensorProto* tensor = node.tensor("value")) {
    const std::string what = node.title() + ": attribute 'value'";
    if (is_real(*tensor))
      reals(floats_of(*tensor, what));
    else
      result.integers = integers_of(*tensor, what);
    result.dims.assign(tensor->dims().begin(), tensor->dims().end());
  } else if (node.has("value_float")) {
    reals({node.real("value_float", 0)});
  } else if (node.has("value_floats")) {
    reals(node.reals("value_floats"));
    result.dims = {static_cast<int64_t>(result.elements())};
  } else if (node.has("value_int")) {
    result.integers = {node.integer("value_int", 0)};
  } else if (node.has("value_ints")) {
    return list_of(node.integers("value_ints"));
  } else {
    node.fail("none of the attributes value, value_float, value_floats, value_int, value_ints");
  }
  return result;
}

OnnxConstant OnnxImporter::fold_shape(OnnxNode& node) {
  const std::vector<int64_t> dims = is_constant(node, 0) ? constant(node, 0, "input").dims : any_tensor(node, 0).dims;
  const auto rank = static_cast<int64_t>(dims.size());
  const auto bound = [&](int64_t at) { return std::clamp<int64_t>(at < 0 ? at + rank : at, 0, rank); };
  const int64_t start = bound(std::max(node.integer("start", 0), -rank));
  const int64_t end = std::max(start, bound(std::max(node.integer("end", rank), -rank)));
  return list_of({dims.begin() + start, dims.begin() + end});
}

OnnxConstant OnnxImporter::fold_gather(OnnxNode& node) {
  node.integer_within("axis", 0, 0, 0);
  const std::vector<int64_t>& data = integer_list(node, 0, "data");
  const OnnxConstant& indices = constant(node, 1, "indices");
  if (indices.reals || indices.elements() > kLongestList) node.fail("indices must be a short list of integers");
  OnnxConstant result;
  result.dims = indices.dims;
  for (const int64_t index : indices.integers)
    result.integers.push_back(data[position(node, index, data.size(), "element")]);
  return result;
}

/// The list of a length that is known, each element the same number (0 of FLOAT when the node names none).
OnnxConstant OnnxImporter::fold_constant_of_shape(OnnxNode& node) {
  const std::vector<int64_t> shape = integer_list(node, 0, "shape");
  const int64_t limit = kLongestList;
  if (shape.size() != 1 || shape[0] < 0 || shape[0] > limit)
    node.fail(
        fmt::format("shape {}: only lists of at most {} elements are worked out beforehand", dims_text(shape), limit));
  const auto count = static_cast<size_t>(shape[0]);
  const onnx::TensorProto* value = node.tensor("value");
  const std::string what = node.title() + ": attribute 'value'";
  if (value != nullptr && !is_real(*value)) {
    const std::vector<int64_t> numbers = integers_of(*value, what);
    if (numbers.size() != 1) node.fail_attribute("value", "must be one number");
    return list_of(std::vector<int64_t>(count, numbers[0]));
  }
  const std::vector<float> numbers = value == nullptr ? std::vector<float>{0.0f} : floats_of(*value, what);
  if (numbers.size() != 1) node.fail_attribute("value", "must be one number");
  OnnxConstant result;
  result.dims = {shape[0]};
  result.reals = std::make_shared<const std::vector<float>>(count, numbers[0]);
  return result;
}

/// Rows of integers (elements of a list), in their order or, with step -1, backwards.
OnnxConstant OnnxImporter::fold_slice(OnnxNode& node) {
  const OnnxConstant& data = constant(node, 0, "data");
  if (data.reals || data.dims.empty() || data.elements() > kLongestList)
    node.fail("data must be a short list of integers");
  if (data.elements() == 0) return data;
  const auto one = [&](int slot, const char* what, int64_t fallback) {
    if (node.input(slot).empty()) return fallback;
    const std::vector<int64_t> list = integer_list(node, slot, what);
    if (list.size() != 1 || list[0] == kBatch) node.fail(fmt::format("{} must be one number", what));
    return list[0];
  };
  const int64_t axis = one(3, "axes", 0), step = one(4, "steps", 1), size = data.dims[0];
  if (axis != 0 || (step != 1 && step != -1)) node.fail("only axis 0 and steps of 1 and -1 are supported");
  // The bounds of operator set 11 on: counted from the end when negative, then clamped to what the step can reach.
  const auto bound = [&](int64_t at, int64_t lowest, int64_t highest) {
    return std::clamp(at < 0 ? at + size : at, lowest, highest);
  };
  const int64_t low = step > 0 ? 0 : -1, high = step > 0 ? size : size - 1;
  const int64_t end = bound(one(2, "ends", size), low, high);
  const int64_t row = static_cast<int64_t>(data.elements()) / size;
  OnnxConstant result;
  result.dims = data.dims;
  result.dims[0] = 0;
  for (int64_t at = bound(one(1, "starts", 0), 0, high); step > 0 ? at < end : at > end; at += step) {
    ++result.dims[0];
    const auto from = data.integers.begin() + at * row;
    result.integers.insert(result.integers.end(), from, from + row);
  }
  return result;
}

OnnxConstant OnnxImporter::fold_concat(OnnxNode& node) {
  node.integer_within("axis", 0, -1, 0);
  std::vector<int64_t> integers;
  std::vector<float> reals;
  for (int i = 0; i < node.proto().input_size(); ++i) {
    const OnnxConstant& part = constant(node, i, "input");
    if (part.dims.size() != 1) node.fail(fmt::format("input '{}' must be a list", printable(node.input(i))));
    if (part.elements() > kLongestList) node.fail(fmt::format("more than {} elements", kLongestList));
    if (part.reals) reals.insert(reals.end(), part.reals->begin(), part.reals->end());
    integers.insert(integers.end(), part.integers.begin(), part.integers.end());
    if (integers.size() + reals.size() > kLongestList) node.fail(fmt::format("more than {} elements", kLongestList));
  }
  if (reals.empty()) return list_of(std::move(integers));
  if (!integers.empty()) node.fail("integers and reals in one list");
  OnnxConstant result;
  result.dims = {static_cast<int64_t>(reals.size())};
  result.reals = std::make_shared<const std::vector<float>>(std::move(reals));
  return result;
}

OnnxConstant OnnxImporter::fold_arithmetic(OnnxNode& node) {
  const OnnxConstant &a = constant(node, 0, "input"), &b = constant(node, 1, "input");
  if (a.reals || b.reals || std::max(a.elements(), b.elements()) > kLongestList ||
      (a.elements() != b.elements() && a.elements() != 1 && b.elements() != 1) || a.elements() * b.elements() == 0)
    node.fail("only lists of integers are worked out beforehand");
  OnnxConstant result;
  result.dims = a.elements() >= b.elements() ? a.dims : b.dims;
  for (size_t i = 0; i < std::max(a.elements(), b.elements()); ++i) {
    const int64_t x = a.integers[a.elements() == 1 ? 0 : i], y = b.integers[b.elements() == 1 ? 0 : i];
    if (x == kBatch || y == kBatch) node.fail("the number of images is not known beforehand");
    int64_t value = 0;
    if (node.operation() == "Div") {
      if (y == 0) node.fail("a division by zero");
      result.integers.push_back(x / y);  // x is above INT64_MIN, which is kBatch
      continue;
    }
    const bool overflows = node.operation() == "Add"   ? __builtin_add_overflow(x, y, &value)
                           : node.operation() == "Sub" ? __builtin_sub_overflow(x, y, &value)
                                                       : __builtin_mul_overflow(x, y, &value);
    if (overflows || value == kBatch) node.fail("an integer of more than 64 bits");
    result.integers.push_back(value);
  }
  return result;
}

OnnxConstant OnnxImporter::fold_cast(OnnxNode& node) {
  const int64_t to = node.integer("to", 0);
  const OnnxConstant& from = constant(node, 0, "input");
  const bool real = to == onnx::TensorProto::FLOAT || to == onnx::TensorProto::DOUBLE;
  const bool integer = to == onnx::TensorProto::INT64 || to == onnx::TensorProto::INT32;
  if ((real && from.reals) || (integer && !from.reals)) return from;
  // Bounds of a Clip, for one, which exporters keep as the integers that somebody wrote.
  const bool known = std::find(from.integers.begin(), from.integers.end(), kBatch) == from.integers.end();
  if (!real || !known || from.elements() > kLongestList)
    node.fail_attribute("to", fmt::format("no conversion from {} to type {}", from.reals ? "FLOAT" : "integers", to));
  OnnxConstant result;
  result.dims = from.dims;
  result.reals = std::make_shared<const std::vector<float>>(from.integers.begin(), from.integers.end());
  return result;
}

OnnxConstant OnnxImporter::fold_transpose(OnnxNode& node) {
  const OnnxConstant& from = constant(node, 0, "input");
  const size_t rank = from.dims.size();
  std::vector<int64_t> perm = node.integers("perm");
  if (perm.empty())
    for (size_t i = rank; i-- > 0;) perm.push_back(static_cast<int64_t>(i));
  std::vector<int64_t> sorted = perm;
  std::sort(sorted.begin(), sorted.end());
  std::vector<int64_t> every(rank);
  std::iota(every.begin(), every.end(), 0);
  if (sorted != every) node.fail_attribute("perm", fmt::format("no permutation of {} dimensions", rank));
  weight_elements_ += from.elements();
  if (weight_elements_ > kMaxFolded) node.fail(fmt::format("more than {} weights in the network", kMaxFolded));

  OnnxConstant result;
  result.literal = from.literal;
  for (const int64_t dim : perm) result.dims.push_back(from.dims[dim]);
  if (!from.reals) {
    result.integers = permuted(from.integers, from.dims, perm);
    return result;
  }
  result.reals = std::make_shared<const std::vector<float>>(permuted(*from.reals, from.dims, perm));
  if (rank == 2 && perm[0] == 1) {
    result.initializer = from.initializer;
    result.transposed = from.initializer >= 0 && !from.transposed;
  }
  return result;
}

/// Identity, Reshape, Squeeze, Unsqueeze: the elements and their order stay.
OnnxConstant OnnxImporter::fold_dims(OnnxNode& node) {
  OnnxConstant result = constant(node, 0, "input");
  if (node.operation() == "Identity") return result;
  std::vector<int64_t> dims = result.dims;
  if (node.operation() == "Reshape") {
    dims = reshaped(node, result.dims);
  } else if (node.operation() == "Unsqueeze") {
    for (const int64_t axis : axes_of(node, dims.size())) dims.insert(dims.begin() + axis, 1);
  } else {
    const std::vector<int64_t> axes = axes_of(node, dims.size());
    std::vector<int64_t> kept;
    for (size_t i = 0; i < dims.size(); ++i) {
      const bool named = std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
      if (named && dims[i] != 1) node.fail(fmt::format("axis {} of {} is not 1", i, dims_text(dims)));
      if (!(named || (axes.empty() && dims[i] == 1))) kept.push_back(dims[i]);
    }
    dims = std::move(kept);
  }
  // The initialiser's transposition is told of two dimensions only.
  if (result.transposed && dims != result.dims) {
    result.initializer = -1;
    result.transposed = false;
  }
  result.dims = std::move(dims);
  return result;
}

}  // namespace backboard
