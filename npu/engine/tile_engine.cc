#include "npu/engine/tile_engine.h"

#include <algorithm>
#include <utility>

#include "npu/engine/layer_shape.h"
#include "npu/engine/tile_schedule.h"
#include "npu/sgd/sgd_unit.h"
#include "npu/vector/elementwise.h"
#include "platform/check/check.h"
#include "platform/host_time/host_time.h"

namespace backboard::npu {
namespace {

/// The tile problem of one step: the boxes of its slots.
ConvTile tile_of(const LayerShape& shape, const Box& input, const Box& other, const Box& output) {
  ConvTile tile = shape.geometry;
  const Box& x = shape.pass == Pass::bp ? output : input;
  const Box& y = shape.pass == Pass::bp ? input : shape.pass == Pass::wg ? other : output;
  tile.n = x.count[0];
  tile.c = x.count[1];
  tile.k = y.count[1];
  tile.n0 = x.first[0];
  tile.c0 = x.first[1];
  tile.k0 = y.first[1];
  tile.ih0 = x.first[2];
  tile.ih_rows = x.count[2];
  tile.oh0 = y.first[2];
  tile.oh_rows = y.count[2];
  tile.set_dense_strides();
  return tile;
}

Operand operand_of(const SlotContents& slot) {
  return {slot.values.data(), slot.classes.empty() ? nullptr : slot.classes.data()};
}

}  // namespace

namespace {

/// Multiply-accumulates below which waking threads costs more than it saves.
constexpr uint64_t kSmallestShared_macs = 200'000;

/// A tile of some of the output channels, and where its operands and sums start.
struct Slice {
  ConvTile tile;
  Operand first, second;
  float* acc = nullptr;
};

Operand moved(const Operand& operand, size_t elements) {
  return {operand.values + elements, operand.classes == nullptr ? nullptr : operand.classes + elements};
}

/// Part `part` of `parts` of a tile: output channels (FF, WG: k; BP: c), which no two parts share.
Slice slice_of(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc, uint32_t part,
               uint32_t parts) {
  const uint32_t channels = pass == Pass::bp ? tile.c : tile.k;
  const uint32_t from = static_cast<uint32_t>(uint64_t{channels} * part / parts);
  const uint32_t to = static_cast<uint32_t>(uint64_t{channels} * (part + 1) / parts);
  Slice slice{tile, first, second, acc};
  (pass == Pass::bp ? slice.tile.c : slice.tile.k) = to - from;
  (pass == Pass::bp ? slice.tile.c0 : slice.tile.k0) += from;
  switch (pass) {
    case Pass::ff:
      slice.second = moved(second, from * tile.w_stride_k);
      slice.acc += from * tile.y_stride_k;
      break;
    case Pass::bp:
      slice.second = moved(second, from * tile.w_stride_c);
      slice.acc += from * tile.x_stride_c;
      break;
    case Pass::wg:
      slice.second = moved(second, from * tile.y_stride_k);
      slice.acc += from * tile.w_stride_k;
      break;
  }
  return slice;
}

uint64_t most_macs(const ConvTile& tile) {
  return uint64_t{tile.n} * tile.k * tile.c * tile.kh * tile.kw * tile.oh_rows * tile.ow;
}

}  // namespace

TileEngine::TileEngine(std::unique_ptr<TileArithmetic> arithmetic, uint32_t host_threads)
    : arithmetic_(std::move(arithmetic)), pool_(host_threads), workspaces_(pool_.threads()) {}

void TileEngine::multiply(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                          Facts& facts) const {
  const uint32_t channels = pass == Pass::bp ? tile.c : tile.k;
  const bool share = pool_.threads() > 1 && most_macs(tile) >= kSmallestShared_macs;
  const uint32_t parts = share ? std::min(channels, pool_.threads()) : 1;
  const auto [a, b] = arithmetic_->prepare(pass, tile, first, second, workspaces_[0]);
  if (!share) {
    arithmetic_->multiply(pass, tile, a, b, acc, workspaces_[0]);
    const HostSpan span(HostPart::counts);
    arithmetic_->count(pass, tile, first, second, facts, workspaces_[0]);
    return;
  }
  // Counting looks at the operands only, so it is one more part.
  const Operand &one = a, &other = b;
  pool_.run(parts + 1, [&](uint32_t part, uint32_t thread) {
    const HostSpan span(part == parts ? HostPart::counts : HostPart::kernels);
    if (part == parts) return arithmetic_->count(pass, tile, first, second, facts, workspaces_[thread]);
    const Slice slice = slice_of(pass, tile, one, other, acc, part, parts);
    arithmetic_->multiply(pass, slice.tile, slice.first, slice.second, slice.acc, workspaces_[thread]);
  });
}

Planned TileEngine::plan(const Job& job, uint32_t buffer_bytes) const {
  return plan_tiles(job, buffer_bytes, arithmetic_->offer());
}

Price TileEngine::price(const Facts& facts) const {
  return arithmetic_->price(facts);
}

void TileEngine::compute_layer(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const {
  const LayerShape shape = layer_shape(job);
  const uint16_t sums_slot = shape.pass == Pass::wg ? step.accumulator : step.slots[shape.output_slot];
  SlotContents& sums = buffer[sums_slot];
  if (step.begin) sums.clear_to(step.box);
  const uint16_t input_slot = step.slots[shape.input_slot], other_slot = step.slots[shape.other_slot];
  if (input_slot != kNoSlot) {
    const SlotContents& input = buffer[input_slot];
    const SlotContents& other = buffer[other_slot];
    ConvTile tile = tile_of(shape, input.box, other.box, step.box);
    tile.layer = job.command.layer;
    const Operand a = operand_of(input), b = operand_of(other);
    multiply(shape.pass, tile, a, b, sums.values.data(), facts);
  }
  if (!step.finish) return;
  arithmetic_->finish(shape.pass, job.command.layer, sums.values);
  const uint64_t elements = step.box.elements();
  if (job.has(kFlagBIAS)) {
    add_bias(std::as_const(sums).tile(), buffer[step.slots[3]].values, job.has(kFlagRELU), sums.tile());
    facts.elementwise += elements;
  } else if (job.has(kFlagRELU)) {
    relu_ff(std::as_const(sums).tile(), sums.tile());
    facts.elementwise += elements;
  }
  if (job.has(kFlagRELU) && job.has(kFlagCLIP6)) clip_at_six(sums.tile());
  if (job.has(kFlagMASK)) {
    const ConstTile mask = std::as_const(buffer[step.slots[3]]).tile();
    apply_mask(std::as_const(sums).tile(), mask, sums.tile());
    if (job.has(kFlagCLIP6)) block_from_six(mask, sums.tile());
    facts.elementwise += elements;
  }
  if (job.has(kFlagUPDATE)) compute_update(job, step, step.box, sums.values, buffer, facts);
}

void compute_update(const Job& job, const Step& step, const Box& box, const std::vector<float>& gradient,
                    LocalBuffer& buffer, Facts& facts) {
  const Tensor& master = job[3];
  SlotContents& weights = buffer[step.slots[3]];
  const MasterFormat format = master.format == TensorFormat::kFP16 ? MasterFormat::kFp16 : MasterFormat::kFp32;
  const SgdParameters parameters = sgd_parameters(job.hyper);
  float* momentum = job.has(kFlagMOMENTUM) ? buffer[step.slots[4]].values.data() : nullptr;
  // Elements of one output channel follow each other; the stream of stochastic rounding goes by their number.
  const uint64_t channel = uint64_t{master.shape[2]} * master.shape[3];
  const size_t length = box.count[1] * channel;
  SgdFacts sum;
  for (uint32_t k = 0; k < box.count[0]; ++k) {
    const size_t at = k * length;
    const uint64_t first = (uint64_t{box.first[0] + k} * master.shape[1] + box.first[1]) * channel;
    SgdSpan span;
    span.weights = {weights.values.data() + at, length};
    if (momentum != nullptr) span.momentum = {momentum + at, length};
    span.gradient = {gradient.data() + at, length};
    span.first_element = static_cast<uint32_t>(first);
    sum += sgd_update(parameters, format, span);
  }
  facts.elementwise += sum.elements;
  facts.saturated += sum.saturated;
  facts.nonfinite += sum.skipped_nonfinite;
  ClassCounts skipped;
  skipped.saturated = sum.saturated;
  skipped.nonfinite = sum.skipped_nonfinite;
  buffer.produced[3].add(skipped);
}

ErrorCode TileEngine::compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const {
  const HostSpan span(is_layer(job.opcode()) ? HostPart::kernels : HostPart::vector);
  if (!is_layer(job.opcode())) return compute_vector(job, step, buffer, facts);
  compute_layer(job, step, buffer, facts);
  return ErrorCode::kNONE;
}

}  // namespace backboard::npu
