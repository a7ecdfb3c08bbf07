#include "npu/engine/rowpipe/row_group.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "npu/command/operands.h"
#include "npu/engine/layer_shape.h"
#include "npu/engine/schedule_builder.h"
#include "npu/engine/tile_choice.h"
#include "npu/engine/vector_shape.h"
#include "platform/check/check.h"

namespace backboard::npu::rowpipe {
namespace {

constexpr unsigned kResult = 2;  ///< slot of what a stage makes

/// Rows of a tensor, [first, end).
struct Rows {
  uint32_t first = 0, end = 0;
};

bool same_tensor(const Tensor& a, const Tensor& b) {
  return a.address == b.address && a.shape == b.shape && a.stride == b.stride && a.format == b.format;
}

bool overlap(const Tensor& a, const Tensor& b) {
  return uint64_t{a.address} < uint64_t{b.address} + b.extent_bytes &&
         uint64_t{b.address} < uint64_t{a.address} + a.extent_bytes;
}

/// One command of the group.
class Stage {
 public:
  Stage(const Job& job, unsigned chain) : job_(&job), chain_(chain), layer_(is_layer(job.opcode())) {
    if (layer_) {
      geometry_ = layer_shape(job).geometry;
    } else {
      vector_ = vector_shape(job);
    }
  }
  const Job& job() const { return *job_; }
  unsigned chain() const { return chain_; }
  const Tensor& input() const { return (*job_)[chain_]; }
  const Tensor& output() const { return (*job_)[kResult]; }

  /// What a row of the result needs of the row before.
  Rows needs(uint32_t row) const {
    if (layer_) {
      const RowRange range = input_rows_of(geometry_, row, 1);
      return {range.first, range.first + range.rows};
    }
    const Box box = vector_box(*job_, vector_, chain_, {0, 1, 0, 1, row, 1});
    return {box.first[2], box.first[2] + box.count[2]};
  }
  /// What a row of the result needs of any operand.
  Box box_of(unsigned slot, uint32_t n, uint32_t row) const {
    const Tensor& y = output();
    if (!layer_) return vector_box(*job_, vector_, slot, {n, 1, 0, y.shape[1], row, 1});
    if (slot == 1) return {{}, {(*job_)[1].shape[0], (*job_)[1].shape[1], (*job_)[1].shape[2], (*job_)[1].shape[3]}};
    if (slot == 3) return {{}, {1, y.shape[1], 1, 1}};
    return {{n, 0, row, 0}, {1, y.shape[1], 1, y.shape[3]}};
  }
  /// Rows that the buffer before it holds: those of a window, and the ones that come while it is worked on.
  uint32_t rows_held() const {
    uint32_t window = 1, stride = 1;
    if (layer_) {
      window = geometry_.dilation_h * (geometry_.kh - 1) + 1;
      stride = geometry_.stride_h;
    } else {
      window = vector_.pool.kernel_h;
      stride = vector_.pool.stride_h;
    }
    return std::min(window + stride, input().shape[2]);
  }

 private:
  const Job* job_;
  unsigned chain_;
  bool layer_;
  ConvTile geometry_;
  VectorShape vector_;
};

/// Where the rows between two stages lie.
struct Line {
  uint16_t slot = kNoSlot;
  uint32_t bank = 0;            ///< of row 0
  uint32_t capacity = 0;        ///< rows
  uint32_t first = 0, end = 0;  ///< rows of the present image that are there
};

/// The operand of a command that the one before it makes; none when it reads nothing of it, or twice.
std::optional<unsigned> chain_of(const Job& before, const Job& job) {
  std::optional<unsigned> chain;
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!job[slot].present || !reads(job.command, slot) || !same_tensor(job[slot], before[kResult])) continue;
    if (chain) return std::nullopt;
    chain = slot;
  }
  return chain && *chain <= 1 ? chain : std::nullopt;
}

/// The field of the command because of which it cannot be a stage; none when it can.
std::optional<uint8_t> unfit(const Job& job, unsigned chain) {
  if ((kRowOpcodes & opcode_bit(job.opcode())) == 0) return command_field::opcode;
  if (job.groups > 1) return command_field::groups;
  if (job.opcode() == Opcode::kCONV_FF && chain != 0) return command_field::tensor1;
  if (job[chain].format != TensorFormat::kFP16) return tensor_field(chain);
  if (job[kResult].format != TensorFormat::kFP16) return command_field::tensor2;
  if (job[kResult].shape[0] != job[chain].shape[0]) return command_field::tensor2;
  return std::nullopt;
}

/// The operand of command `at` that meets another command's memory where it must not; none when all are apart.
std::optional<unsigned> clash(std::span<const Job> jobs, size_t at, unsigned chain) {
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!jobs[at][slot].present || (at > 0 && slot == chain)) continue;
    for (size_t other = 0; other < jobs.size(); ++other) {
      for (unsigned out = 0; out < kOperands && other != at; ++out) {
        if (!jobs[other][out].present || !writes(jobs[other].command, out)) continue;
        if (overlap(jobs[at][slot], jobs[other][out])) return slot;
      }
    }
  }
  return std::nullopt;
}

class RowPlan {
 public:
  RowPlan(const RowpipeConfig& config, std::vector<Stage> stages) : config_(config), stages_(std::move(stages)) {}
  Planned run(uint32_t buffer_bytes);

 private:
  void make_lines();
  void make_slots();
  void image(uint32_t n);
  bool can_make(size_t i) const;
  bool has_room(size_t line, Rows rows_of_next) const;
  void make_row(size_t i, uint32_t n, std::vector<Step>& beat);
  void take_row(uint32_t n, std::vector<Step>& beat);
  void append(size_t line, Step& step);
  bool local(size_t i) const { return i + 1 < stages_.size() && stages_[i].job().has(kFlagLOCAL); }
  uint32_t rows_of(size_t line) const { return stages_[line].input().shape[2]; }

  const RowpipeConfig& config_;
  std::vector<Stage> stages_;
  ScheduleBuilder builder_;
  uint64_t map_bytes_ = 0;
  std::vector<Line> lines_;  ///< before each stage
  SlotRing intake_;
  std::vector<std::array<SlotRing, kOperands>> rings_;  ///< by stage
  std::vector<uint32_t> next_;                          ///< row that each stage makes next
  uint32_t next_in_ = 0;                                ///< row that is taken in next
};

/// A buffer of rows before each stage. Of whole maps two are alive at a time: one that is read and one that grows.
void RowPlan::make_lines() {
  const bool maps = config_.buffering == Buffering::kMaps;
  std::array<uint64_t, 2> bytes{}, elements{};
  uint32_t bank = 0;
  for (size_t i = 0; i < stages_.size(); ++i) {
    const Tensor& x = stages_[i].input();
    Line line;
    line.capacity = maps ? x.shape[2] : stages_[i].rows_held();
    line.bank = bank;
    bank = (bank + line.capacity) % config_.banks;
    const uint32_t bits = takes_codes(stages_[i].job()) ? config_.activation_bits : kFloatBits;
    const uint64_t size = line.capacity * config_.words_of_row(x.shape[1], x.shape[3], bits) * config_.word_bits / 8;
    const uint64_t held = uint64_t{line.capacity} * x.shape[1] * x.shape[3];
    if (maps) {
      bytes[i % 2] = std::max(bytes[i % 2], size);
      elements[i % 2] = std::max(elements[i % 2], held);
    } else {
      line.slot = builder_.place(size, held);
      map_bytes_ += size;
    }
    lines_.push_back(line);
  }
  if (!maps) return;
  const std::array<uint16_t, 2> slots{builder_.place(bytes[0], elements[0]), builder_.place(bytes[1], elements[1])};
  for (size_t i = 0; i < lines_.size(); ++i) lines_[i].slot = slots[i % 2];
  map_bytes_ = bytes[0] + bytes[1];
}

/// Slots of everything but row buffers. Parameters of a command stay; rows from and to memory have two slots each. What
/// only passes from a row buffer to the units and back is theirs, not the buffer's.
void RowPlan::make_slots() {
  rings_.resize(stages_.size());
  const Tensor& x = stages_[0].input();
  const uint64_t row = uint64_t{x.shape[1]} * x.shape[3];
  intake_ = builder_.ring(2, row, buffer_element_bytes(x));
  for (size_t i = 0; i < stages_.size(); ++i) {
    const Stage& stage = stages_[i];
    for (unsigned slot = 0; slot < kOperands; ++slot) {
      const Tensor& tensor = stage.job()[slot];
      if (!tensor.present) continue;
      uint64_t elements = stage.box_of(slot, 0, 0).elements();
      if (slot == stage.chain()) {
        for (uint32_t r = 0; r < stage.output().shape[2]; ++r) {
          const Rows rows = stage.needs(r);
          elements = std::max(elements, uint64_t{rows.end - rows.first} * tensor.shape[1] * tensor.shape[3]);
        }
        rings_[i][slot].slots = {builder_.place(0, elements)};
      } else if (slot == kResult && local(i)) {
        rings_[i][slot].slots = {builder_.place(0, elements)};
      } else if (writes(stage.job().command, slot) ||
                 stage.box_of(slot, 0, 0).first[2] != stage.box_of(slot, 0, 1).first[2]) {
        rings_[i][slot] = builder_.ring(2, elements, buffer_element_bytes(tensor));
      } else if (takes_codes(stage.job()) && slot == 1) {
        rings_[i][slot].slots = {builder_.place((elements * config_.weight_bits + 7) / 8, elements)};
      } else {
        rings_[i][slot] = builder_.ring(1, elements, buffer_element_bytes(tensor));
      }
    }
  }
}

bool RowPlan::has_room(size_t line, Rows needed) const {
  const Line& at = lines_[line];
  const uint32_t first = std::max(at.first, std::min(needed.first, at.end));
  return at.end + 1 - first <= at.capacity;
}

/// Whether stage `i` can make its next row with what is there at the beginning of a beat.
bool RowPlan::can_make(size_t i) const {
  const Stage& stage = stages_[i];
  if (next_[i] == stage.output().shape[2]) return false;
  const uint32_t wanted = config_.buffering == Buffering::kMaps ? rows_of(i) : stage.needs(next_[i]).end;
  return lines_[i].end >= wanted;
}

/// Sends the result of `step` into a row buffer, which drops what its reader is done with.
void RowPlan::append(size_t line, Step& step) {
  Line& to = lines_[line];
  const uint32_t rows = stages_[line].output().shape[2];
  const uint32_t needed = next_[line] < rows ? stages_[line].needs(next_[line]).first : to.end;
  // Whole maps stay until they are done with.
  if (config_.buffering == Buffering::kRows) to.first = std::max(to.first, std::min(needed, to.end + 1));
  step.line = to.slot;
  step.line_first = to.first;
  step.line_bank = static_cast<uint8_t>((to.bank + to.end) % config_.banks);
  step.line_bits = static_cast<uint8_t>(takes_codes(stages_[line].job()) ? config_.activation_bits : kFloatBits);
  step.line_begin = to.end == 0;
  ++to.end;
}

void RowPlan::make_row(size_t i, uint32_t n, std::vector<Step>& beat) {
  const Stage& stage = stages_[i];
  const uint32_t row = next_[i]++;
  builder_.set_command(static_cast<uint8_t>(i));
  Step step;
  step.begin = step.finish = step.row = true;
  step.operand = static_cast<uint8_t>(stage.chain());
  step.box = stage.box_of(kResult, n, row);
  const Rows rows = stage.needs(row);
  const bool padding_only = rows.first == rows.end;
  const Tensor& x = stage.input();
  step.inner = {{n, 0, rows.first, 0}, {1, x.shape[1], rows.end - rows.first, x.shape[3]}};
  if (!padding_only) step.from = lines_[i].slot;
  step.from_bank = static_cast<uint8_t>((lines_[i].bank + rows.first) % config_.banks);
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (!stage.job()[slot].present || (padding_only && slot == stage.chain())) continue;
    const bool made = slot == stage.chain() || writes(stage.job().command, slot);
    step.slots[slot] =
        made ? builder_.claim(rings_[i][slot]) : builder_.load(slot, stage.box_of(slot, n, row), rings_[i][slot]);
  }
  if (i + 1 < stages_.size()) append(i + 1, step);
  step.command = static_cast<uint8_t>(i);
  beat.push_back(step);
}

void RowPlan::take_row(uint32_t n, std::vector<Step>& beat) {
  const Tensor& x = stages_[0].input();
  builder_.set_command(0);
  Step step;
  step.pass = kIntake;
  step.row = true;
  step.operand = static_cast<uint8_t>(stages_[0].chain());
  step.box = {{n, 0, next_in_++, 0}, {1, x.shape[1], 1, x.shape[3]}};
  step.slots[step.operand] = builder_.load(step.operand, step.box, intake_);
  append(0, step);
  beat.push_back(step);
}

void RowPlan::image(uint32_t n) {
  next_.assign(stages_.size(), 0);
  next_in_ = 0;
  for (Line& line : lines_) line.first = line.end = 0;
  const auto left = [&] {
    for (size_t i = 0; i < stages_.size(); ++i) {
      if (next_[i] < stages_[i].output().shape[2]) return true;
    }
    return false;
  };
  while (left() && !builder_.overflowed()) {
    std::vector<bool> ready(stages_.size());
    for (size_t i = 0; i < stages_.size(); ++i) ready[i] = can_make(i);
    std::vector<Step> beat;
    // From the last stage on: what a stage reads makes room for what the one before it makes.
    for (size_t i = stages_.size(); i-- > 0;) {
      if (!ready[i]) continue;
      const bool last = i + 1 == stages_.size();
      if (!last && next_[i + 1] < stages_[i + 1].output().shape[2] &&
          !has_room(i + 1, stages_[i + 1].needs(next_[i + 1]))) {
        continue;
      }
      make_row(i, n, beat);
    }
    const bool reads_on = next_[0] < stages_[0].output().shape[2];
    if (reads_on && next_in_ < rows_of(0) && has_room(0, stages_[0].needs(next_[0]))) take_row(n, beat);
    BB_CHECK(!beat.empty(), "a pipeline of {} stages stands still", stages_.size());
    for (size_t s = 0; s < beat.size(); ++s) {
      beat[s].joined = s + 1 < beat.size();
      builder_.set_command(beat[s].command);
      builder_.compute(beat[s]);
    }
    for (const Step& step : beat) {
      if (step.pass == kIntake) continue;
      builder_.set_command(step.command);
      const Stage& stage = stages_[step.command];
      for (unsigned slot = 0; slot < kOperands; ++slot) {
        if (!writes(stage.job().command, slot) || (slot == kResult && local(step.command))) continue;
        builder_.store(slot, stage.box_of(slot, n, step.box.first[2]), step.slots[slot]);
      }
    }
  }
}

Planned RowPlan::run(uint32_t buffer_bytes) {
  make_lines();
  make_slots();
  if (builder_.buffer_bytes() > buffer_bytes) return {{}, ErrorCode::kBUFFER, command_field::opcode};
  for (uint32_t n = 0; n < stages_[0].input().shape[0] && !builder_.overflowed(); ++n) image(n);
  for (size_t i = 0; i < stages_.size(); ++i) {
    builder_.set_command(static_cast<uint8_t>(i));
    for (unsigned slot = 0; slot < kOperands; ++slot) {
      const Job& job = stages_[i].job();
      if (!writes(job.command, slot) || job[slot].statistics == 0 || (slot == kResult && local(i))) continue;
      builder_.store_record(Payload::statistics, slot);
    }
  }
  if (builder_.overflowed()) return {{}, ErrorCode::kTILE, command_field::opcode};
  Planned planned{builder_.take(), ErrorCode::kNONE, 0};
  planned.schedule.map_bytes = static_cast<uint32_t>(map_bytes_);
  return planned;
}

}  // namespace

bool takes_codes(const Job& job) {
  if (job.opcode() != Opcode::kCONV_FF) return false;
  const auto positions = [](const Tensor& tensor) { return uint64_t{tensor.shape[2]} * tensor.shape[3]; };
  return positions(job[0]) * positions(job[1]) * positions(job[2]) != 1;
}

Planned plan_rows(const RowpipeConfig& config, std::span<const Job> jobs, uint32_t buffer_bytes) {
  std::vector<Stage> stages;
  const auto refuse = [](ErrorCode error, uint8_t detail, size_t command) {
    return Planned{{}, error, detail, static_cast<uint8_t>(command)};
  };
  for (size_t i = 0; i < jobs.size(); ++i) {
    const std::optional<unsigned> chain = i == 0 ? 0u : chain_of(jobs[i - 1], jobs[i]);
    if (!chain) return refuse(ErrorCode::kGROUP, command_field::tensor0, i);
    if (const auto field = unfit(jobs[i], *chain)) return refuse(ErrorCode::kGROUP, *field, i);
    if (const auto slot = clash(jobs, i, *chain)) return refuse(ErrorCode::kGROUP, tensor_field(*slot), i);
    stages.emplace_back(jobs[i], *chain);
  }
  return RowPlan(config, std::move(stages)).run(buffer_bytes);
}

}  // namespace backboard::npu::rowpipe
