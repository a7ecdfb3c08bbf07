#include "npu/engine/rowpipe/compute_row.h"

#include <algorithm>

#include "npu/codec/tensor_format.h"
#include "npu/engine/rowpipe/quantise.h"
#include "npu/engine/rowpipe/row_group.h"
#include "npu/numerics/rounding.h"
#include "platform/check/check.h"

namespace backboard::npu::rowpipe {
namespace {

constexpr unsigned kResult = 2;

/// Copies rows [first, first + count) of a box into another, which has them too.
void copy_rows(const SlotContents& from, uint32_t first, uint32_t count, SlotContents& to) {
  const uint32_t width = from.box.count[3];
  for (uint32_t c = 0; c < from.box.count[1]; ++c) {
    const float* source = from.values.data() + (size_t{c} * from.box.count[2] + (first - from.box.first[2])) * width;
    float* target = to.values.data() + (size_t{c} * to.box.count[2] + (first - to.box.first[2])) * width;
    std::copy_n(source, size_t{count} * width, target);
  }
}

/// Puts the row of `made` behind those of a row buffer, which keeps rows from `first` on.
void append(const SlotContents& made, uint32_t first, bool begin, SlotContents& line) {
  const uint32_t row = made.box.first[2];
  SlotContents kept;
  kept.box = made.box;
  kept.box.first[2] = std::min(first, row + 1);
  kept.box.count[2] = row + 1 - kept.box.first[2];
  kept.values.resize(kept.box.elements());
  if (!begin && kept.box.first[2] < row) copy_rows(line, kept.box.first[2], row - kept.box.first[2], kept);
  if (kept.box.first[2] <= row) copy_rows(made, row, 1, kept);
  line = std::move(kept);
}

/// Rounds the last row of a row buffer to codes.
void code_last_row(uint32_t bits, SlotContents& line) {
  const auto& count = line.box.count;
  if (count[2] == 0) return;
  const RowLayout layout{count[1], size_t{count[2]} * count[3], 1, count[3]};
  float* row = line.values.data() + (count[2] - size_t{1}) * count[3];
  Workspace workspace;
  quantise_rows(bits, layout, row, row, workspace);
}

/// Rounds all weights of a convolution to codes.
void code_weights(uint32_t bits, SlotContents& weights) {
  ConvTile tile;
  tile.k = weights.box.count[0], tile.c = weights.box.count[1];
  tile.kh = weights.box.count[2], tile.kw = weights.box.count[3];
  tile.set_dense_strides();
  Workspace workspace;
  quantise_weights(bits, tile, weights.values.data(), weights.values.data(), workspace);
}

/// Words that cross from and to banks, each to be paid by its bank and as an access of the local buffer.
void count_words(const RowpipeConfig& config, uint64_t words, uint32_t bank, Facts& facts) {
  facts.bank_words[bank % config.banks] += words;
}

uint64_t bytes_of(const RowpipeConfig& config, uint64_t words) {
  return words * config.word_bits / 8;
}

void count_reads(const RowpipeConfig& config, const Job& job, const Step& step, const LocalBuffer& buffer,
                 Facts& facts) {
  const auto& rows = step.inner.count;
  const bool codes = takes_codes(job);
  const uint32_t bits = codes ? config.activation_bits : kFloatBits;
  // Each fold of output channels reads the rows again.
  const uint64_t passes = codes ? (step.box.count[1] + config.fixed_columns - 1) / config.fixed_columns : 1;
  const uint64_t words = config.words_of_row(rows[1], rows[3], bits) * passes;
  for (uint32_t r = 0; r < rows[2]; ++r) count_words(config, words, step.from_bank + r, facts);
  facts.buffer_read_bytes += bytes_of(config, words) * rows[2];
  for (unsigned slot = 0; slot < kOperands; ++slot) {
    if (step.slots[slot] == kNoSlot || slot == step.operand || slot == kResult) continue;
    const uint64_t element_bits = codes && slot == 1 ? config.weight_bits : 8 * dense_bytes(job[slot].format);
    facts.buffer_read_bytes += (buffer[step.slots[slot]].values.size() * element_bits + 7) / 8;
  }
}

}  // namespace

ErrorCode compute_row(const RowpipeConfig& config, const TileEngine& units, const Job& job, const Step& step,
                      LocalBuffer& buffer, Facts& facts) {
  uint16_t made = step.slots[step.operand];
  if (step.pass != kIntake) {
    if (step.from != kNoSlot) {
      SlotContents& window = buffer[step.slots[step.operand]];
      window.resize_to(step.inner);
      copy_rows(buffer[step.from], step.inner.first[2], step.inner.count[2], window);
    }
    const bool first_row = step.box.first[0] == 0 && step.box.first[2] == 0;
    if (first_row && takes_codes(job)) code_weights(config.weight_bits, buffer[step.slots[1]]);
    Facts done;
    const ErrorCode error = units.compute(job, step, buffer, done);
    if (error != ErrorCode::kNONE) return error;
    // Rows are rounded to codes when they come in, and their banks are those of the pipeline.
    done.quantised = done.bank_cycles = 0;
    if (facts.folds[0] != 0) done.fold_edges = 0;  // the first fold of the beat was another stage's
    facts.add(done);
    count_reads(config, job, step, buffer, facts);
    made = step.slots[kResult];
    SlotContents& result = buffer[made];
    round_span(format_row(number_format(job[kResult].format)), result.values, result.values);
  } else {
    facts.buffer_read_bytes += step.box.elements() * dense_bytes(job[step.operand].format);
  }
  if (step.line == kNoSlot) return ErrorCode::kNONE;
  const SlotContents& result = buffer[made];
  append(result, step.line_first, step.line_begin, buffer[step.line]);
  const uint64_t words = config.words_of_row(result.box.count[1], result.box.count[3], step.line_bits);
  count_words(config, words, step.line_bank, facts);
  facts.buffer_write_bytes += bytes_of(config, words);
  if (step.line_bits != kFloatBits) {
    code_last_row(config.activation_bits, buffer[step.line]);
    facts.quantised += result.box.elements();
  }
  return ErrorCode::kNONE;
}

}  // namespace backboard::npu::rowpipe
