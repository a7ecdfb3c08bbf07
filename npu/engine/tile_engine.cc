#include "npu/engine/tile_engine.h"

#include <algorithm>
#include <utility>

#include "npu/engine/layer_shape.h"
#include "npu/engine/table.h"
#include "npu/engine/tile_schedule.h"
#include "npu/sgd/adam.h"
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

/// Multiply-accumulates of a part: below that, handing it over costs more than it saves.
constexpr uint64_t kLeastPart_macs = 400'000;
/// Channels of a part: fewer leave vectors empty.
constexpr uint32_t kLeastPart_channels = 16;

/// A part of a tile, and where its operands and sums start.
struct Slice {
  ConvTile tile;
  Operand first, second;
  float* acc = nullptr;
};

Operand moved(const Operand& operand, size_t elements) {
  return {operand.values + elements, operand.classes == nullptr ? nullptr : operand.classes + elements};
}

/// What a tile is cut along. Sums are never cut.
enum class Cut : uint8_t { images, rows, outputs, inputs };

/// FF and BP go by images, then by rows: each part packs what it reads. WG sums over both: it goes by channels, as FC
/// layers do, whose weights are most of what they read.
Cut cut_of(Pass pass, const ConvTile& t, uint32_t parts) {
  if (pass == Pass::wg) return t.k >= parts * kLeastPart_channels || t.k >= t.c ? Cut::outputs : Cut::inputs;
  const bool fully_connected = t.kh * t.kw == 1 && t.oh_rows * t.ow == 1;
  if (!fully_connected && t.n >= parts) return Cut::images;
  if (!fully_connected && (pass == Pass::ff ? t.oh_rows : t.ih_rows) >= 4 * parts) return Cut::rows;
  return pass == Pass::ff ? Cut::outputs : Cut::inputs;
}

uint32_t extent_of(Cut cut, Pass pass, const ConvTile& t) {
  switch (cut) {
    case Cut::images:
      return t.n;
    case Cut::rows:
      return pass == Pass::bp ? t.ih_rows : t.oh_rows;
    case Cut::outputs:
      return t.k;
    case Cut::inputs:
      return t.c;
  }
  return 1;
}

/// Images [from, from + count) of a tile of FF or BP.
void cut_images(Slice& slice, Pass pass, uint32_t from, uint32_t count) {
  ConvTile& t = slice.tile;
  t.n = count;
  t.n0 += from;
  slice.first = moved(slice.first, from * (pass == Pass::bp ? t.y_stride_n : t.x_stride_n));
  slice.acc += from * (pass == Pass::bp ? t.x_stride_n : t.y_stride_n);
}

/// Rows of the sums of FF or BP; all rows of the operand stay.
void cut_rows(Slice& slice, Pass pass, uint32_t from, uint32_t count) {
  ConvTile& t = slice.tile;
  (pass == Pass::bp ? t.ih0 : t.oh0) += from;
  (pass == Pass::bp ? t.ih_rows : t.oh_rows) = count;
  slice.acc += size_t{from} * (pass == Pass::bp ? t.w : t.ow);
}

/// Channels k of FF or WG.
void cut_outputs(Slice& slice, Pass pass, uint32_t from, uint32_t count) {
  ConvTile& t = slice.tile;
  t.k = count;
  t.k0 += from;
  slice.second = moved(slice.second, from * (pass == Pass::ff ? t.w_stride_k : t.y_stride_k));
  slice.acc += from * (pass == Pass::ff ? t.y_stride_k : t.w_stride_k);
}

/// Channels c of BP or WG.
void cut_inputs(Slice& slice, Pass pass, uint32_t from, uint32_t count) {
  ConvTile& t = slice.tile;
  t.c = count;
  t.c0 += from;
  (pass == Pass::bp ? slice.second : slice.first) =
      pass == Pass::bp ? moved(slice.second, from * t.w_stride_c) : moved(slice.first, from * t.x_stride_c);
  slice.acc += from * (pass == Pass::bp ? t.x_stride_c : t.w_stride_c);
}

uint64_t most_macs(const ConvTile& tile) {
  return uint64_t{tile.n} * tile.k * tile.c * tile.kh * tile.kw * tile.oh_rows * tile.ow;
}

/// Counts what follows the sums of a step.
void count_end(const TileArithmetic& arithmetic, const Job& job, const Step& step, Facts& facts) {
  if (!step.finish) return;
  const bool activates = job.has(kFlagBIAS) || job.has(kFlagRELU);
  facts.elementwise += (unsigned{activates} + unsigned{job.has(kFlagMASK)}) * step.box.elements();
  if (job.has(kFlagUPDATE)) facts.sgd += update_operations(arithmetic, job, step.box);
}

}  // namespace

TileEngine::TileEngine(std::unique_ptr<TileArithmetic> arithmetic, const EngineConfigs& configs)
    : arithmetic_(std::move(arithmetic)),
      sgd_(configs.sgd),
      energy_(configs.energy),
      pool_(configs.host_threads),
      workspaces_(pool_.threads()) {}

void TileEngine::multiply_part(uint32_t part, uint32_t parts, uint32_t thread) const {
  const LayerStep& l = layer_;
  Slice slice{l.tile, l.prepared.first, l.prepared.second, l.sums->values.data()};
  slice.tile.fresh = l.fresh;
  if (parts > 1) {
    const Cut cut = cut_of(l.pass, l.tile, parts);
    const uint32_t extent = extent_of(cut, l.pass, l.tile);
    const auto from = static_cast<uint32_t>(uint64_t{extent} * part / parts);
    const uint32_t count = static_cast<uint32_t>(uint64_t{extent} * (part + 1) / parts) - from;
    if (count == 0) return;
    switch (cut) {
      case Cut::images:
        cut_images(slice, l.pass, from, count);
        break;
      case Cut::rows:
        cut_rows(slice, l.pass, from, count);
        break;
      case Cut::outputs:
        cut_outputs(slice, l.pass, from, count);
        break;
      case Cut::inputs:
        cut_inputs(slice, l.pass, from, count);
        break;
    }
  }
  arithmetic_->multiply(l.pass, slice.tile, slice.first, slice.second, slice.acc, workspaces_[thread]);
}

Planned TileEngine::plan(const Job& job, uint32_t buffer_bytes) const {
  return plan_tiles(job, buffer_bytes, arithmetic_->offer());
}

Price TileEngine::price(const Facts& facts) const {
  Price price = arithmetic_->price(facts);
  price.cycles.update = sgd_cycles(facts.sgd, sgd_);
  price.energy.update_pj = sgd_energy_pj(facts.sgd, sgd_, energy_);
  return price;
}

/// What follows the products: the engine's own end, bias, activation, mask, update.
void TileEngine::end_layer() const {
  const Job& job = *layer_.job;
  const Step& step = *layer_.step;
  if (!step.finish) return;
  LocalBuffer& buffer = *layer_.buffer;
  SlotContents& sums = *layer_.sums;
  arithmetic_->finish(layer_.pass, job.command.layer, sums.values);
  if (job.has(kFlagBIAS)) {
    add_bias(std::as_const(sums).tile(), buffer[step.slots[3]].values, job.has(kFlagRELU), sums.tile());
  } else if (job.has(kFlagRELU)) {
    relu_ff(std::as_const(sums).tile(), sums.tile());
  }
  if (job.has(kFlagRELU) && job.has(kFlagCLIP6)) clip_at_six(sums.tile());
  if (job.has(kFlagMASK)) {
    const ConstTile mask = std::as_const(buffer[step.slots[3]]).tile();
    apply_mask(std::as_const(sums).tile(), mask, sums.tile());
    if (job.has(kFlagCLIP6)) block_from_six(mask, sums.tile());
  }
  if (job.has(kFlagUPDATE)) layer_.update = compute_update(*arithmetic_, job, step, step.box, sums.values, buffer);
}

/// Multiplies, by parts on other threads where there are some and the tile is worth it, and counts meanwhile. Whoever
/// does the last part ends the step.
void TileEngine::begin_layer(Facts& facts) const {
  count_end(*arithmetic_, *layer_.job, *layer_.step, facts);
  if (!layer_.multiplies) return end_layer();
  const uint64_t macs = most_macs(layer_.tile);
  const auto parts = static_cast<uint32_t>(std::clamp<uint64_t>(macs / kLeastPart_macs, 1, 2 * pool_.threads()));
  const bool shared = pool_.threads() > 1 && macs >= kLeastPart_macs;
  layer_.prepared = arithmetic_->prepare(layer_.pass, layer_.tile, layer_.first, layer_.second, prepared_);
  if (shared) {
    parts_left_.store(parts, std::memory_order_relaxed);
    pool_.begin(work_, parts, [this, parts](uint32_t part, uint32_t thread) {
      const HostSpan span(HostPart::kernels);
      multiply_part(part, parts, thread);
      if (parts_left_.fetch_sub(1, std::memory_order_acq_rel) == 1) end_layer();
    });
  } else {
    multiply_part(0, 1, 0);
    end_layer();
  }
  const HostSpan span(HostPart::counts);
  arithmetic_->count(layer_.pass, layer_.tile, layer_.first, layer_.second, facts, workspaces_[0]);
}

namespace {

/// Calls `row(at, length, first)` for the elements of a box that follow each other in their tensor: `length` of them
/// from `at` on in the box, `first` in the tensor.
template <class Row>
void for_rows(const Tensor& tensor, const Box& box, const Row& row) {
  const uint64_t channel = uint64_t{tensor.shape[2]} * tensor.shape[3];
  const size_t length = box.count[1] * channel;
  for (uint32_t k = 0; k < box.count[0]; ++k) {
    const uint64_t first = (uint64_t{box.first[0] + k} * tensor.shape[1] + box.first[1]) * channel;
    row(k * length, length, static_cast<uint32_t>(first));
  }
}

/// A rounded master goes from binary32 to the engine's values at once.
MasterFormat update_format(const TileArithmetic& arithmetic, const Job& job) {
  const bool half = job[3].format == TensorFormat::kFP16 && !arithmetic.rounds_masters();
  return half ? MasterFormat::kFp16 : MasterFormat::kFp32;
}

}  // namespace

SgdFacts update_operations(const TileArithmetic& arithmetic, const Job& job, const Box& box) {
  const SgdParameters parameters = sgd_parameters(job.hyper);
  const uint64_t elements = box.elements();
  SgdFacts facts = job.opcode() == Opcode::kADAM
                       ? adam_operations(elements)
                       : sgd_operations(parameters, update_format(arithmetic, job), job.has(kFlagMOMENTUM), elements);
  if (arithmetic.rounds_masters()) {
    facts.conversions += elements;
    if (parameters.stochastic) facts.random_draws += elements;
  }
  return facts;
}

uint64_t round_masters(const TileArithmetic& arithmetic, const Job& job, const Box& box,
                       std::span<const float> gradient, std::span<float> masters) {
  uint64_t saturated = 0;
  if (!arithmetic.rounds_masters()) return saturated;
  const SgdParameters parameters = sgd_parameters(job.hyper);
  for_rows(job[3], box, [&](size_t at, size_t length, uint32_t first) {
    saturated += arithmetic.round_masters(job.command.layer, parameters, first, gradient.subspan(at, length),
                                          masters.subspan(at, length));
  });
  return saturated;
}

SgdFacts compute_update(const TileArithmetic& arithmetic, const Job& job, const Step& step, const Box& box,
                        std::span<const float> gradient, LocalBuffer& buffer) {
  AlignedVector<float>& weights = buffer[step.slots[3]].values;
  const MasterFormat format = update_format(arithmetic, job);
  const SgdParameters parameters = sgd_parameters(job.hyper);
  float* momentum = job.has(kFlagMOMENTUM) ? buffer[step.slots[4]].values.data() : nullptr;
  SgdFacts sum;
  for_rows(job[3], box, [&](size_t at, size_t length, uint32_t first) {
    SgdSpan span;
    span.weights = {weights.data() + at, length};
    if (momentum != nullptr) span.momentum = {momentum + at, length};
    span.gradient = {gradient.data() + at, length};
    span.first_element = first;  // the stream of stochastic rounding goes by it
    sum += sgd_update(parameters, format, span);
  });
  sum.saturated += round_masters(arithmetic, job, box, gradient, weights);
  return sum;
}

void note_update(const SgdFacts& update, LocalBuffer& buffer, Facts& facts) {
  facts.saturated += update.saturated;
  facts.nonfinite += update.skipped_nonfinite;
  ClassCounts skipped;
  skipped.saturated = update.saturated;
  skipped.nonfinite = update.skipped_nonfinite;
  buffer.produced[3].add(skipped);
}

ErrorCode TileEngine::begin(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const {
  BB_CHECK(layer_.job == nullptr, "a step is begun before the last is finished");
  const HostSpan span(is_layer(job.opcode()) ? HostPart::kernels : HostPart::vector);
  if (!is_layer(job.opcode())) return compute_vector(*arithmetic_, job, step, buffer, facts);
  const LayerShape shape = layer_shape(job);
  layer_ = {};
  layer_.job = &job;
  layer_.step = &step;
  layer_.buffer = &buffer;
  layer_.pass = shape.pass;
  layer_.sums = &buffer[shape.pass == Pass::wg ? step.accumulator : step.slots[shape.output_slot]];
  const uint16_t input_slot = step.slots[shape.input_slot], other_slot = step.slots[shape.other_slot];
  layer_.multiplies = input_slot != kNoSlot;
  layer_.fresh = step.begin && layer_.multiplies && layer_.pass == Pass::ff && arithmetic_->begins_sums();
  if (layer_.fresh) {
    layer_.sums->resize_to(step.box);
  } else if (step.begin) {
    layer_.sums->clear_to(step.box);
  }
  if (layer_.multiplies) {
    const SlotContents& input = buffer[input_slot];
    const SlotContents& other = buffer[other_slot];
    layer_.tile = tile_of(shape, input.box, other.box, step.box);
    layer_.tile.layer = job.command.layer;
    BB_CHECK(!layer_.fresh || layer_.tile.outputs() == step.box.elements(), "sums of {} of {} elements begin",
             layer_.tile.outputs(), step.box.elements());
    layer_.first = operand_of(input);
    layer_.second = operand_of(other);
  }
  begin_layer(facts);
  return ErrorCode::kNONE;
}

void TileEngine::finish(LocalBuffer& buffer, Facts& facts) const {
  if (layer_.job == nullptr) return;
  pool_.finish(work_);
  if (layer_.step->finish && layer_.job->has(kFlagUPDATE)) {
    BB_CHECK(layer_.update.elements == layer_.step->box.elements(), "{} elements", layer_.update.elements);
    note_update(layer_.update, buffer, facts);
  }
  layer_.job = nullptr;
}

ErrorCode TileEngine::compute(const Job& job, const Step& step, LocalBuffer& buffer, Facts& facts) const {
  const ErrorCode error = begin(job, step, buffer, facts);
  finish(buffer, facts);
  return error;
}

}  // namespace backboard::npu
