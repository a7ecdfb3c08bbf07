#include "sw/net/layer.h"

#include "platform/check/check.h"

namespace backboard {

const LayerKindRow& row_of(LayerKind kind) {
  for (const LayerKindRow& row : kLayerKinds)
    if (row.kind == kind) return row;
  BB_CHECK(false, "kind {}", static_cast<int>(kind));
}

const char* name_of(LayerKind kind) {
  return row_of(kind).name;
}

bool NetLayer::pools_whole_map() const {
  if (kind != LayerKind::avgpool) return kind == LayerKind::globalpool;
  return pad_h == 0 && pad_w == 0 && kernel_h == in.h && kernel_w == in.w;
}

uint64_t NetLayer::fan_in() const {
  if (kind == LayerKind::conv) return uint64_t{in.c / groups} * kernel_h * kernel_w;
  return kind == LayerKind::fc ? in.elements() : 0;
}

std::vector<uint64_t> NetLayer::weight_shape() const {
  BB_CHECK(has_weights(), "{}", name);
  if (kind == LayerKind::conv) return {channels, in.c / groups, kernel_h, kernel_w};
  return {channels, in.elements(), 1, 1};
}

std::vector<LayerArray> NetLayer::arrays() const {
  if (kind == LayerKind::batchnorm)
    return {{"weight", {in.c}, affine}, {"bias", {in.c}, affine}, {"mean", {in.c}, false}, {"variance", {in.c}, false}};
  if (!has_weights()) return {};
  std::vector<LayerArray> arrays{{"weight", weight_shape(), true}};
  if (bias) arrays.push_back({"bias", {channels}, true});
  return arrays;
}

uint64_t NetLayer::macs() const {
  return weight_elements() * out.h * out.w;
}

}  // namespace backboard
