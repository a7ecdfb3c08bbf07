// Named weights out of memory images: the board's DRAM, or the plan itself.
#include <algorithm>
#include <cstring>

#include "npu/codec/tensor_format.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/plan/plan.h"

namespace backboard {

namespace {

/// NumPy's shape of a parameter: trailing and leading ones of biases and FC weights are ours, not the network's.
std::vector<uint64_t> array_shape(const std::string& name, const npu::Descriptor& d, bool fc, bool norm) {
  const bool one_a_channel = d.shape_n == 1 && d.shape_h == 1 && d.shape_w == 1;
  if (one_a_channel && (norm || !name.ends_with(".weight"))) return {d.shape_c};
  if (fc && d.shape_h == 1 && d.shape_w == 1) return {d.shape_n, d.shape_c};
  return {d.shape_n, d.shape_c, d.shape_h, d.shape_w};
}

}  // namespace

Arrays extract_weights(const Plan& plan, const MemoryReader& read) {
  Arrays weights;
  for (size_t i = 0; i < plan.tensors.size(); ++i) {
    if (!(plan.tensors[i].flags & PLAN_TENSOR_PARAMETER)) continue;
    const npu::Descriptor& d = plan.descriptors[i];
    const npu::FormatRow& row = npu::format_row(static_cast<npu::TensorFormat>(d.format));
    const uint64_t elements = uint64_t{d.shape_n} * d.shape_c * d.shape_h * d.shape_w;
    std::vector<uint8_t> stored(elements * row.bytes());
    read(d.address, stored.data(), stored.size());
    std::vector<float> values(elements);
    npu::decode_span(row, stored.data(), values, d.scale);
    const uint32_t layer = plan.tensors[i].layer;
    const auto is = [&](npu::Opcode opcode) {
      return layer < plan.layers.size() && plan.layers[layer].kind == static_cast<uint32_t>(opcode);
    };
    const std::string name = plan.tensors[i].name;
    weights[name] = Array::of_floats(array_shape(name, d, is(npu::Opcode::kFC_FF), is(npu::Opcode::kBN_FF)), values);
  }
  return weights;
}

Arrays weights_of_plan(const Plan& plan) {
  return extract_weights(plan, [&](uint32_t address, void* to, size_t size_bytes) {
    for (const plan_segment& segment : plan.segments) {
      if (segment.fill != 0 || address < segment.address) continue;
      const uint32_t skip = address - segment.address;
      if (skip > segment.size_bytes || size_bytes > segment.size_bytes - skip) continue;
      std::memcpy(to, plan.bytes.data() + segment.offset + skip, size_bytes);
      return;
    }
    std::memset(to, 0, size_bytes);
  });
}

}  // namespace backboard
