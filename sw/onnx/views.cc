// Operations that leave the elements of an image as they are and in their order: the network needs no layer for them.
#include <fmt/format.h>

#include <algorithm>

#include "sw/onnx/importer.h"

namespace backboard {

namespace {

/// Elements of one image, or of a constant.
int64_t elements_of(const std::vector<int64_t>& dims) {
  int64_t product = 1;
  for (const int64_t dim : dims) product *= dim == kBatch ? 1 : dim;
  return product;
}

OnnxTensor with_dims(OnnxTensor tensor, std::vector<int64_t> dims) {
  tensor.dims = std::move(dims);
  tensor.fresh = false;
  return tensor;
}

}  // namespace

/// Axes of Squeeze and Unsqueeze, ascending: an attribute up to operator set 12, an input from 13 on. `rank` is that of
/// the input.
std::vector<int64_t> OnnxImporter::axes_of(OnnxNode& node, size_t rank) {
  std::vector<int64_t> axes = node.integers("axes");
  if (axes.empty() && !node.input(1).empty()) axes = integer_list(node, 1, "axes");
  const size_t out = node.operation() == "Unsqueeze" ? rank + axes.size() : rank;
  if (out > 8) node.fail_attribute("axes", "more than 8 dimensions");
  for (int64_t& axis : axes) {
    const int64_t given = axis;
    if (axis < 0 && axis != kBatch) axis += static_cast<int64_t>(out);
    if (axis < 0 || axis >= static_cast<int64_t>(out))
      node.fail_attribute("axes", fmt::format("{} of {} dimensions", given, out));
  }
  std::sort(axes.begin(), axes.end());
  if (std::adjacent_find(axes.begin(), axes.end()) != axes.end()) node.fail_attribute("axes", "an axis twice");
  return axes;
}

/// The dimensions that Reshape asks for, 0 and -1 worked out; a tensor's first must stay the batch.
std::vector<int64_t> OnnxImporter::reshaped(OnnxNode& node, const std::vector<int64_t>& dims) {
  const bool zero_is_zero = node.integer("allowzero", 0) != 0;
  std::vector<int64_t> wanted = integer_list(node, 1, "shape");
  if (wanted.size() > 8) node.fail("more than 8 dimensions");
  const bool has_batch = !dims.empty() && dims[0] == kBatch;
  const auto refuse = [&] {
    node.fail(fmt::format("shape {} for {}: only shapes that keep the images apart are supported", dims_text(wanted),
                          dims_text(dims)));
  };
  const std::vector<int64_t> asked = wanted;
  int open = -1;
  int64_t known = 1;
  for (size_t i = has_batch ? 1 : 0; i < wanted.size(); ++i) {
    if (wanted[i] == 0 && !zero_is_zero && i < dims.size()) wanted[i] = dims[i];
    if (wanted[i] == -1 && open < 0) {
      open = static_cast<int>(i);
      continue;
    }
    if (wanted[i] < 1 || wanted[i] > INT32_MAX || known > INT32_MAX) refuse();
    known *= wanted[i];
  }
  const int64_t elements = elements_of(dims);
  if (has_batch) {
    if (wanted.empty()) refuse();
    const bool batch = wanted[0] == kBatch || (wanted[0] == 0 && !zero_is_zero) || (wanted[0] == -1 && open < 0) ||
                       (batch_ != 0 && wanted[0] == batch_);
    if (!batch) refuse();
    wanted[0] = kBatch;
  }
  if (open >= 0) {
    if (known == 0 || elements % known != 0) refuse();
    wanted[open] = elements / known;
  } else if (known != elements) {
    refuse();
  }
  return wanted;
}

OnnxTensor OnnxImporter::identity(OnnxNode& node) {
  OnnxTensor result = any_tensor(node, 0);
  result.fresh = false;
  return result;
}

OnnxTensor OnnxImporter::cast(OnnxNode& node) {
  if (node.integer("to", 0) != onnx::TensorProto::FLOAT)
    node.fail_attribute("to", "the network's tensors are FLOAT; no other type is supported");
  return identity(node);
}

OnnxTensor OnnxImporter::flatten(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  const int64_t axis = node.integer("axis", 1);
  if (axis != 1 && axis != 1 - static_cast<int64_t>(x.dims.size()))
    node.fail_attribute("axis", fmt::format("{} is not supported, only 1: images stay apart", axis));
  return with_dims(x, {kBatch, elements_of(x.dims)});
}

OnnxTensor OnnxImporter::reshape(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  return with_dims(x, reshaped(node, x.dims));
}

OnnxTensor OnnxImporter::squeeze(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  const std::vector<int64_t> axes = axes_of(node, x.dims.size());
  if (axes.empty() && batch_ == 1) node.fail_attribute("axes", "needed, or the single image is squeezed too");
  std::vector<int64_t> dims{kBatch};
  for (size_t i = 0; i < x.dims.size(); ++i) {
    const bool named = std::find(axes.begin(), axes.end(), static_cast<int64_t>(i)) != axes.end();
    if (named && x.dims[i] != 1) node.fail_attribute("axes", fmt::format("{} of {} is not 1", i, dims_text(x.dims)));
    if (i > 0 && !named && !(axes.empty() && x.dims[i] == 1)) dims.push_back(x.dims[i]);
  }
  return with_dims(x, std::move(dims));
}

OnnxTensor OnnxImporter::unsqueeze(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  std::vector<int64_t> dims = x.dims;
  for (const int64_t axis : axes_of(node, x.dims.size())) {
    if (axis == 0) node.fail_attribute("axes", "0 is not supported: images stay apart");
    dims.insert(dims.begin() + axis, 1);
  }
  return with_dims(x, std::move(dims));
}

OnnxTensor OnnxImporter::transpose(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  const std::vector<int64_t> perm = node.integers("perm");
  std::vector<bool> seen(x.dims.size(), false);
  std::vector<int64_t> dims;
  int64_t last = -1;
  bool kept = perm.size() == x.dims.size() && perm[0] == 0;
  for (size_t i = 0; i < perm.size() && kept; ++i) {
    const int64_t from = perm[i];
    if (from < 0 || from >= static_cast<int64_t>(seen.size()) || seen[from])
      node.fail_attribute("perm", fmt::format("no permutation of {} dimensions", x.dims.size()));
    seen[from] = true;
    dims.push_back(x.dims[from]);
    if (x.dims[from] == 1) continue;
    kept = from > last;
    last = from;
  }
  if (!kept) node.fail_attribute("perm", "moves the elements of an image, which no layer does");
  return with_dims(x, std::move(dims));
}

/// The only element along a dimension of 1, which then goes: x[:, :, 0, 0] behind a global pooling.
OnnxTensor OnnxImporter::gather(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  const auto rank = static_cast<int64_t>(x.dims.size());
  const int64_t given = node.integer("axis", 0), axis = given < 0 && given != kBatch ? given + rank : given;
  if (axis < 1 || axis >= rank || x.dims[axis] != 1)
    node.fail_attribute("axis", fmt::format("{} of {}: only a dimension of 1, the first excepted, is left out", given,
                                            dims_text(x.dims)));
  const OnnxConstant& index = constant(node, 1, "indices");
  if (index.reals || !index.dims.empty() || (index.integers[0] != 0 && index.integers[0] != -1))
    node.fail(fmt::format("indices '{}' must be the number 0", printable(node.input(1))));
  std::vector<int64_t> dims = x.dims;
  dims.erase(dims.begin() + axis);
  return with_dims(x, std::move(dims));
}

/// A slice that takes everything; no layer takes a part of an image.
OnnxTensor OnnxImporter::slice(OnnxNode& node) {
  const OnnxTensor& x = tensor(node, 0);
  const std::vector<int64_t> starts = integer_list(node, 1, "starts"), ends = integer_list(node, 2, "ends");
  const auto list = [&](int slot, const char* what, size_t count) {
    return node.input(slot).empty() ? std::vector<int64_t>(count, 1) : integer_list(node, slot, what);
  };
  std::vector<int64_t> axes = list(3, "axes", starts.size());
  const std::vector<int64_t> steps = list(4, "steps", starts.size());
  if (node.input(3).empty())
    for (size_t i = 0; i < axes.size(); ++i) axes[i] = static_cast<int64_t>(i);
  if (ends.size() != starts.size() || axes.size() != starts.size() || steps.size() != starts.size())
    node.fail("starts, ends, axes and steps are lists of different lengths");
  const auto rank = static_cast<int64_t>(x.dims.size());
  for (size_t i = 0; i < starts.size(); ++i) {
    const int64_t axis = axes[i] < 0 && axes[i] != kBatch ? axes[i] + rank : axes[i];
    if (axis < 0 || axis >= rank) node.fail(fmt::format("axis {} of {}", axes[i], dims_text(x.dims)));
    // Of the images "to the end" is written as a number that none can reach.
    const int64_t all = axis == 0 ? INT32_MAX : x.dims[axis];
    if (starts[i] != 0 || ends[i] < all || steps[i] != 1)
      node.fail(fmt::format("{} to {} of dimension {} of {} by {}: no layer takes a part of an image", starts[i],
                            ends[i], axis, dims_text(x.dims), steps[i]));
  }
  return with_dims(x, x.dims);
}

}  // namespace backboard
