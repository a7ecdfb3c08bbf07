#include "npu/engine/tile_schedule.h"

#include "npu/command/operands.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/schedule_builder.h"
#include "npu/engine/tile_choice.h"

namespace backboard::npu {
namespace {

/// Range of one dimension.
struct Part {
  uint32_t first = 0, count = 0;
};

/// Cuts [first, first + size) into tiles and calls `body(Part)` for each.
template <class Body>
void each_part(uint32_t first, uint32_t size, uint32_t tile, Body&& body) {
  for (uint32_t at = 0; at < size; at += tile) body(Part{first + at, std::min(tile, size - at)});
}

class LayerPlan {
 public:
  LayerPlan(const Job& job, const LayerShape& shape, const LayerTile& tile);
  void forward_or_error();
  void weight_gradient();
  Planned finish();

 private:
  Box input_box(Part n, Part b, Part rows) const;
  Box weight_box(Part a, Part b) const;
  void output_tile(uint32_t group, Part a, Part n, Part rows);
  void gradient_tile(Part a, Part b);
  bool done() const { return builder_.overflowed(); }

  const Job& job_;
  const LayerShape& shape_;
  const LayerTile& tile_;
  ScheduleBuilder builder_;
  uint32_t a_size_, b_size_, rows_;
  SlotRing input_, other_, output_, bias_, mask_, master_, momentum_;
};

LayerPlan::LayerPlan(const Job& job, const LayerShape& shape, const LayerTile& tile)
    : job_(job), shape_(shape), tile_(tile) {
  const LayerTileSizes sizes = layer_tile_sizes(job, shape, tile);
  input_ = builder_.ring(tile.buffers, sizes.input, buffer_element_bytes(job[shape.input_slot]));
  other_ = builder_.ring(tile.buffers, sizes.other, buffer_element_bytes(job[shape.other_slot]));
  output_ = builder_.ring(tile.results, sizes.output, kAccumulator_bytes);
  if (sizes.bias) bias_ = builder_.ring(tile.results, sizes.bias, kAccumulator_bytes);
  if (sizes.mask) mask_ = builder_.ring(tile.results, sizes.mask, buffer_element_bytes(job[3]));
  if (job.has(kFlagUPDATE)) master_ = builder_.ring(tile.results, sizes.master, kAccumulator_bytes);
  if (job.has(kFlagMOMENTUM)) momentum_ = builder_.ring(tile.results, sizes.master, kAccumulator_bytes);
  const bool error = shape.pass == Pass::bp;
  a_size_ = error ? shape.group_c() : shape.group_k();
  b_size_ = error ? shape.group_k() : shape.group_c();
  rows_ = error ? shape.h : shape.oh;
}

/// What the tile's rows need of the input operand: x for FF and WG, dy for BP.
Box LayerPlan::input_box(Part n, Part b, Part rows) const {
  const RowRange need = shape_.pass == Pass::bp ? output_rows_of(shape_.geometry, rows.first, rows.count)
                                                : input_rows_of(shape_.geometry, rows.first, rows.count);
  const uint32_t columns = shape_.pass == Pass::bp ? shape_.ow : shape_.w;
  return {{n.first, b.first, need.first, 0}, {n.count, b.count, need.rows, columns}};
}

/// Weights are (k, c of the group, kh, kw); `a` and `b` are absolute channels of k and c in the order of the pass.
Box LayerPlan::weight_box(Part a, Part b) const {
  const Part k = shape_.pass == Pass::bp ? b : a;
  const Part c = shape_.pass == Pass::bp ? a : b;
  return {{k.first, c.first % shape_.group_c(), 0, 0}, {k.count, c.count, shape_.kh, shape_.kw}};
}

void LayerPlan::output_tile(uint32_t group, Part a, Part n, Part rows) {
  if (done()) return;
  const uint32_t columns = shape_.pass == Pass::bp ? shape_.w : shape_.ow;
  const Box box{{n.first, a.first, rows.first, 0}, {n.count, a.count, rows.count, columns}};
  const uint16_t output = builder_.claim(output_);
  each_part(group * b_size_, b_size_, tile_.b, [&](Part b) {
    if (done()) return;
    Step step;
    step.begin = b.first == group * b_size_;
    step.finish = b.first + b.count == (group + 1) * b_size_;
    step.box = box;
    step.inner = input_box(n, b, rows);
    step.slots[shape_.output_slot] = output;
    // Rows that only padding reaches, or that strides skip, take nothing from the input.
    if (step.inner.elements() != 0) {
      step.slots[shape_.input_slot] = builder_.load(shape_.input_slot, step.inner, input_);
      step.slots[shape_.other_slot] = builder_.load(shape_.other_slot, weight_box(a, b), other_);
    }
    if (step.finish && job_.has(kFlagBIAS)) {
      step.slots[3] = builder_.load(3, {{0, a.first, 0, 0}, {1, a.count, 1, 1}}, bias_);
    }
    if (step.finish && job_.has(kFlagMASK)) step.slots[3] = builder_.load(3, box, mask_);
    builder_.compute(step);
  });
  builder_.store(shape_.output_slot, box, output);
}

void LayerPlan::forward_or_error() {
  for (uint32_t group = 0; group < shape_.groups && !done(); ++group) {
    const auto each_a = [&](auto&& body) { each_part(group * a_size_, a_size_, tile_.a, body); };
    const auto each_place = [&](auto&& body) {
      each_part(0, shape_.n, tile_.n, [&](Part n) {
        if (done()) return;
        each_part(0, rows_, tile_.rows, [&](Part rows) { body(n, rows); });
      });
    };
    if (tile_.a_outermost) {
      each_a([&](Part a) { each_place([&](Part n, Part rows) { output_tile(group, a, n, rows); }); });
    } else {
      each_place([&](Part n, Part rows) { each_a([&](Part a) { output_tile(group, a, n, rows); }); });
    }
  }
}

void LayerPlan::gradient_tile(Part a, Part b) {
  if (done()) return;
  const Box box = weight_box(a, b);
  const uint16_t sums = builder_.claim(output_);
  const bool continues = job_.has(kFlagACCUMULATE);
  if (continues) builder_.load_into(2, box, sums);
  each_part(0, shape_.n, tile_.n, [&](Part n) {
    each_part(0, rows_, tile_.rows, [&](Part rows) {
      if (done()) return;
      Step step;
      step.begin = !continues && n.first == 0 && rows.first == 0;
      step.finish = n.first + n.count == shape_.n && rows.first + rows.count == rows_;
      step.box = box;
      step.inner = input_box(n, b, rows);
      step.accumulator = sums;
      if (step.inner.elements() != 0) {
        const Box error_box{{n.first, a.first, rows.first, 0}, {n.count, a.count, rows.count, shape_.ow}};
        step.slots[0] = builder_.load(0, step.inner, input_);
        step.slots[1] = builder_.load(1, error_box, other_);
      }
      if (step.finish && job_.has(kFlagUPDATE)) {
        step.slots[3] = builder_.load(3, box, master_);
        if (job_.has(kFlagMOMENTUM)) step.slots[4] = builder_.load(4, box, momentum_);
      }
      builder_.compute(step);
      if (!step.finish) return;
      if (!job_.has(kFlagUPDATE)) {
        builder_.store(2, box, sums);
        return;
      }
      builder_.store(3, box, step.slots[3]);
      if (job_.has(kFlagMOMENTUM)) builder_.store(4, box, step.slots[4]);
      if (job_.has(kFlagCOPY)) builder_.store(5, box, step.slots[3]);
    });
  });
}

void LayerPlan::weight_gradient() {
  for (uint32_t group = 0; group < shape_.groups && !done(); ++group) {
    const auto each_a = [&](auto&& body) { each_part(group * a_size_, a_size_, tile_.a, body); };
    const auto each_b = [&](auto&& body) { each_part(group * b_size_, b_size_, tile_.b, body); };
    if (tile_.a_outermost) {
      each_a([&](Part a) { each_b([&](Part b) { gradient_tile(a, b); }); });
    } else {
      each_b([&](Part b) { each_a([&](Part a) { gradient_tile(a, b); }); });
    }
  }
}

Planned LayerPlan::finish() {
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (writes(job_.command, slot) && job_[slot].statistics != 0) builder_.store_record(Payload::statistics, slot);
  }
  if (builder_.overflowed()) return {{}, ErrorCode::kTILE, command_field::tile_k};
  return {builder_.take(), ErrorCode::kNONE, 0};
}

}  // namespace

Planned plan_layer(const Job& job, uint32_t buffer_bytes, const TileRules& rules) {
  const LayerShape shape = layer_shape(job);
  const Choice<LayerTile> choice = choose_layer_tile(job, shape, buffer_bytes, rules);
  if (choice.error != ErrorCode::kNONE) return {{}, choice.error, choice.detail};
  LayerPlan plan(job, shape, choice.tile);
  if (shape.pass == Pass::wg) {
    plan.weight_gradient();
  } else {
    plan.forward_or_error();
  }
  return plan.finish();
}

Planned plan_tiles(const Job& job, uint32_t buffer_bytes, const TileRules& rules) {
  return is_layer(job.opcode()) ? plan_layer(job, buffer_bytes, rules) : plan_vector(job, buffer_bytes);
}

}  // namespace backboard::npu
