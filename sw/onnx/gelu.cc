// GELU before operator set 20: exporters write x * (1 + erf(x / sqrt(2))) / 2 as Div or Mul, Erf, Add and two Mul, in
// any order of the factors. Each of them gives a part that only the next can read; the last makes the layer.
#include <cmath>

#include "sw/onnx/importer.h"

namespace backboard {

namespace {

using Stage = OnnxGeluPart::Stage;

/// Constants of a model are binary32.
bool about(double value, double wanted) {
  return std::fabs(value - wanted) <= 1e-6 * wanted;
}

}  // namespace

void OnnxImporter::fail_gelu(const OnnxNode& node) const {
  node.fail("the operation is not supported but as a part of GELU, x * (1 + erf(x / sqrt(2))) / 2");
}

bool OnnxImporter::is_gelu_part(const OnnxNode& node, int slot) const {
  return !is_constant(node, slot) && any_tensor(node, slot).pending == OnnxPending::gelu;
}

OnnxTensor OnnxImporter::gelu_part(const OnnxNode& node, const OnnxTensor& x, Stage stage, double factor) {
  OnnxTensor part = x;
  part.fresh = false;
  part.pending = OnnxPending::none;
  if (stage == Stage::product && about(factor, 0.5)) {
    NetLayer layer;
    layer.kind = LayerKind::gelu;
    return add_elementwise(node, std::move(layer), part);
  }
  part.pending = OnnxPending::gelu;
  part.gelu = {stage, factor, node.index()};
  return part;
}

/// The tensor, or the part, of `tensor_slot` times a number.
OnnxTensor OnnxImporter::scaled(const OnnxNode& node, int tensor_slot, double factor) {
  if (!is_gelu_part(node, tensor_slot)) return gelu_part(node, tensor(node, tensor_slot), Stage::scaled, factor);
  const OnnxTensor& x = any_tensor(node, tensor_slot);
  if (x.gelu.stage == Stage::erf) fail_gelu(node);
  return gelu_part(node, x, x.gelu.stage, x.gelu.factor * factor);
}

OnnxTensor OnnxImporter::divide(OnnxNode& node) {
  if (is_constant(node, 0) || !is_constant(node, 1)) fail_gelu(node);
  const double by = scalar(node, 1, "divisor");
  if (!(std::fabs(by) > 0)) fail_gelu(node);
  return scaled(node, 0, 1.0 / by);
}

OnnxTensor OnnxImporter::multiply(OnnxNode& node) {
  if (is_constant(node, 1)) return scaled(node, 0, scalar(node, 1, "factor"));
  if (is_constant(node, 0)) return scaled(node, 1, scalar(node, 0, "factor"));
  const OnnxTensor &a = any_tensor(node, 0), &b = any_tensor(node, 1);
  const auto is_share = [](const OnnxTensor& t) {
    return t.pending == OnnxPending::gelu && t.gelu.stage == Stage::share;
  };
  const OnnxTensor &share = is_share(a) ? a : b, &x = is_share(a) ? b : a;
  const bool is_scaled = x.pending == OnnxPending::gelu && x.gelu.stage == Stage::scaled;
  if (!is_gelu_part(node, 0) && !is_gelu_part(node, 1))
    node.fail("products of two tensors are not supported (gates, SiLU, GELU's approximation by tanh)");
  if (!is_share(share) || x.layer != share.layer || x.dims != share.dims ||
      (x.pending != OnnxPending::none && !is_scaled))
    fail_gelu(node);
  return gelu_part(node, x, Stage::product, share.gelu.factor * (is_scaled ? x.gelu.factor : 1.0));
}

OnnxTensor OnnxImporter::erf(OnnxNode& node) {
  if (!is_gelu_part(node, 0)) fail_gelu(node);
  const OnnxTensor& x = any_tensor(node, 0);
  if (x.gelu.stage != Stage::scaled || !about(x.gelu.factor, M_SQRT1_2)) fail_gelu(node);
  return gelu_part(node, x, Stage::erf, 1.0);
}

OnnxTensor OnnxImporter::add_to_erf(const OnnxNode& node, int tensor_slot, int constant_slot) {
  const OnnxTensor& x = any_tensor(node, tensor_slot);
  if (x.gelu.stage != Stage::erf || !is_constant(node, constant_slot) || scalar(node, constant_slot, "term") != 1.0f)
    fail_gelu(OnnxNode(graph_.node(x.gelu.node), x.gelu.node, file_));
  return gelu_part(node, x, Stage::share, 1.0);
}

}  // namespace backboard
