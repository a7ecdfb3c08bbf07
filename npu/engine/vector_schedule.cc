// Schedules of element-wise commands, pooling, bias, loss, update and conversion.
#include <algorithm>

#include "npu/command/operands.h"
#include "npu/engine/schedule_builder.h"
#include "npu/engine/tile_choice.h"
#include "npu/engine/tile_schedule.h"
#include "npu/engine/vector_shape.h"

namespace backboard::npu {
namespace {

/// A tile of (n, c, rows) and the number of slots of each operand.
struct VectorTile {
  uint32_t n = 1, c = 1, rows = 1, buffers = 2;
};

struct VectorUnits {
  uint32_t c = 1, rows = 1;
};

/// Produced tensors bound the tile: no block is cut.
VectorUnits units_of(const Job& job, const VectorShape& shape) {
  VectorUnits units;
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!writes(job.command, slot) || !job[slot].coded()) continue;
    units.c = job[slot].block_channels;
    if (!shape.reduces_rows) units.rows = job[slot].block_rows;
  }
  return units;
}

/// Local-buffer bytes of an element of an operand in this command.
uint32_t slot_element_bytes(const Job& job, unsigned slot) {
  const bool result = writes(job.command, slot) && !reads(job.command, slot);
  if (result && job[slot].format != TensorFormat::kU8) return kAccumulator_bytes;
  return std::max(buffer_element_bytes(job[slot]), reads(job.command, slot) && writes(job.command, slot) ? 4u : 1u);
}

/// Whether an operand's elements lie in the slot of operand 0 instead of one of their own.
bool shares_slot(const Job& job, unsigned slot) {
  const Opcode opcode = job.opcode();
  const bool conversion = opcode == Opcode::kCOPY || opcode == Opcode::kENCODE || opcode == Opcode::kDECODE;
  // The sums of a bias gradient are the gradient.
  return (conversion && slot == 1) || (slot == 5 && writes(job.command, slot)) ||
         (opcode == Opcode::kBIAS_WG && slot == 2);
}

/// Accumulators of a tile.
uint64_t sums_of(const VectorShape& shape, const VectorTile& tile) {
  return shape.channel_sums != 0 ? uint64_t{shape.channel_sums} * tile.c : uint64_t{tile.n} * tile.c;
}

/// Operands that a reduction needs with every tile; the others belong to its last one.
bool needed_always(const Job& job, unsigned slot) {
  return slot == 0 || (job.opcode() == Opcode::kBN_WG && slot != 2);
}

uint64_t bytes_of(const Job& job, const VectorShape& shape, const VectorTile& tile) {
  uint64_t bytes = 0;
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!job[slot].present || shares_slot(job, slot)) continue;
    const uint64_t elements = most_elements(job, shape, slot, tile.n, tile.c, tile.rows);
    bytes += (elements * slot_element_bytes(job, slot) + 31) / 32 * 32;
  }
  if (shape.sums_only) bytes += (sums_of(shape, tile) * kAccumulator_bytes + 31) / 32 * 32;
  return bytes * tile.buffers;
}

Choice<VectorTile> choose(const Job& job, const VectorShape& shape, uint32_t buffer_bytes) {
  constexpr uint64_t kStepCharge_bytes = 256;
  const VectorUnits units = units_of(job, shape);
  const auto candidates = [](uint32_t asked, uint32_t size, uint32_t unit, bool whole) -> std::vector<uint32_t> {
    if (whole) return {size};
    if (asked != 0) return {std::min(asked, size)};
    return tile_candidates(size, unit);
  };
  const auto bad = [](uint32_t asked, uint32_t size, uint32_t unit) { return asked < size && asked % unit != 0; };
  if (bad(shape.asked_c, shape.c, units.c)) return {{}, ErrorCode::kTILE, shape.field_c};
  if (bad(shape.asked_rows, shape.rows, units.rows)) return {{}, ErrorCode::kTILE, command_field::tile_rows};
  Choice<VectorTile> best{{}, ErrorCode::kBUFFER, shape.field_c};
  for (const uint32_t buffers : {2u, 1u}) {
    uint64_t best_score = UINT64_MAX;
    for (const uint32_t c : candidates(shape.asked_c, shape.c, units.c, shape.whole_c)) {
      for (const uint32_t rows : candidates(shape.asked_rows, shape.rows, units.rows, shape.whole_rows)) {
        for (uint32_t n : candidates(shape.asked_n, shape.n, 1, false)) {
          if (shape.sums_images && rows < shape.rows) n = 1;
          const VectorTile tile{n, c, rows, buffers};
          const uint64_t bytes = bytes_of(job, shape, tile);
          if (bytes > buffer_bytes) continue;
          const auto parts = [](uint64_t size, uint64_t part) { return (size + part - 1) / part; };
          const uint64_t count = parts(shape.n, n) * parts(shape.c, c) * parts(shape.rows, rows);
          const uint64_t score = bytes / buffers * (count + 1) + count * kStepCharge_bytes;
          if (score >= best_score) continue;
          best_score = score;
          best = {tile, ErrorCode::kNONE, 0};
        }
      }
    }
    if (best.error == ErrorCode::kNONE) return best;
  }
  return best;
}

class VectorPlan {
 public:
  VectorPlan(const Job& job, const VectorShape& shape, const VectorTile& tile);
  Planned run();

 private:
  void tile_step(const VectorPart& part, bool begin, bool finish, uint16_t sums, uint8_t pass = 0);
  void conversion(const VectorPart& part);
  void stores(const VectorPart& part, const Step& step);
  template <class Body>
  void each(uint32_t size, uint32_t tile, Body&& body);

  const Job& job_;
  const VectorShape& shape_;
  const VectorTile& tile_;
  ScheduleBuilder builder_;
  std::array<SlotRing, kOperands> rings_;
  SlotRing sums_;
};

VectorPlan::VectorPlan(const Job& job, const VectorShape& shape, const VectorTile& tile)
    : job_(job), shape_(shape), tile_(tile) {
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!job[slot].present || shares_slot(job, slot)) continue;
    rings_[slot] = builder_.ring(tile.buffers, most_elements(job, shape, slot, tile.n, tile.c, tile.rows),
                                 slot_element_bytes(job, slot));
  }
  if (shape.sums_only) sums_ = builder_.ring(tile.buffers, sums_of(shape, tile), kAccumulator_bytes);
}

template <class Body>
void VectorPlan::each(uint32_t size, uint32_t tile, Body&& body) {
  for (uint32_t at = 0; at < size && !builder_.overflowed(); at += tile) body(at, std::min(tile, size - at));
}

/// COPY, ENCODE, DECODE: the slot that was loaded is stored; the conversion happens on both ways.
void VectorPlan::conversion(const VectorPart& part) {
  const Box box = vector_box(job_, shape_, 1, part);
  Step step;
  step.slots[0] = builder_.claim(rings_[0]);
  builder_.load_into(0, box, step.slots[0]);
  if (job_.opcode() != Opcode::kCOPY) {
    step.begin = step.finish = true;
    step.box = step.inner = box;
    builder_.compute(step);
  }
  builder_.store(1, box, step.slots[0]);
}

void VectorPlan::stores(const VectorPart& part, const Step& step) {
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!writes(job_.command, slot)) continue;
    uint16_t from = step.slots[slot];
    if (slot == 5) from = step.slots[3];
    if (slot == 2 && shares_slot(job_, slot)) from = step.accumulator;
    builder_.store(slot, vector_box(job_, shape_, slot, part), from);
  }
}

/// One tile of a command with results of its own. Reductions share `sums` between their tiles.
void VectorPlan::tile_step(const VectorPart& part, bool begin, bool finish, uint16_t sums, uint8_t pass) {
  Step step;
  step.pass = pass;
  step.begin = begin;
  step.finish = finish;
  step.box = vector_box(job_, shape_, shape_.result_slot, part);
  step.inner = vector_box(job_, shape_, 0, part);
  step.accumulator = sums;
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!job_[slot].present || shares_slot(job_, slot)) continue;
    // Results of a reduction, and the weights that an update of them needs, belong to its last tile.
    if (shape_.sums_only && !finish && !needed_always(job_, slot)) continue;
    const Box box = vector_box(job_, shape_, slot, part);
    if (reads(job_.command, slot)) {
      if (box.elements() != 0) step.slots[slot] = builder_.load(slot, box, rings_[slot]);
    } else {
      step.slots[slot] = builder_.claim(rings_[slot]);
    }
  }
  builder_.compute(step);
  if (finish) stores(part, step);
}

Planned VectorPlan::run() {
  const Opcode opcode = job_.opcode();
  const bool converts = opcode == Opcode::kCOPY || opcode == Opcode::kENCODE || opcode == Opcode::kDECODE;
  if (shape_.sums_images) {  // one sum for each channel, over (n, h, w)
    each(shape_.c, tile_.c, [&](uint32_t c0, uint32_t c) {
      const uint16_t sums = builder_.claim(sums_);
      const bool continues = job_.has(kFlagACCUMULATE);
      if (continues) builder_.load_into(2, {{0, c0, 0, 0}, {1, c, 1, 1}}, sums);
      for (uint32_t pass = 0; pass < shape_.passes; ++pass) {
        each(shape_.n, tile_.n, [&](uint32_t n0, uint32_t n) {
          each(shape_.rows, tile_.rows, [&](uint32_t r0, uint32_t rows) {
            const bool last = n0 + n == shape_.n && r0 + rows == shape_.rows;
            const bool begin = !continues && n0 == 0 && r0 == 0;
            tile_step({n0, n, c0, c, r0, rows}, begin, last && pass + 1 == shape_.passes, sums,
                      static_cast<uint8_t>(pass));
          });
        });
      }
    });
  } else {
    each(shape_.n, tile_.n, [&](uint32_t n0, uint32_t n) {
      each(shape_.c, tile_.c, [&](uint32_t c0, uint32_t c) {
        const uint16_t sums = shape_.sums_only ? builder_.claim(sums_) : kNoSlot;
        each(shape_.rows, tile_.rows, [&](uint32_t r0, uint32_t rows) {
          const VectorPart part{n0, n, c0, c, r0, rows};
          if (converts) {
            conversion(part);
          } else {
            const bool last = r0 + rows == shape_.rows;
            tile_step(part, !shape_.reduces_rows || r0 == 0, !shape_.reduces_rows || last, sums);
          }
        });
      });
    });
  }
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (writes(job_.command, slot) && job_[slot].statistics != 0) builder_.store_record(Payload::statistics, slot);
  }
  if (writes_record(opcode)) builder_.store_record(Payload::loss, 0);
  if (builder_.overflowed()) return {{}, ErrorCode::kTILE, shape_.field_c};
  return {builder_.take(), ErrorCode::kNONE, 0};
}

}  // namespace

Planned plan_vector(const Job& job, uint32_t buffer_bytes) {
  const VectorShape shape = vector_shape(job);
  const Choice<VectorTile> choice = choose(job, shape, buffer_bytes);
  if (choice.error != ErrorCode::kNONE) return {{}, choice.error, choice.detail};
  return VectorPlan(job, shape, choice.tile).run();
}

}  // namespace backboard::npu
