#include "npu/engine/rowpipe/compute_tile.h"

#include <algorithm>
#include <array>

#include "npu/engine/conv_gemm.h"
#include "npu/engine/operand_sizes.h"
#include "npu/engine/product_counts.h"
#include "npu/engine/rowpipe/quantise.h"
#include "npu/numerics/rounding.h"

namespace backboard::npu::rowpipe {
namespace {

constexpr unsigned kSlotFirst = 12, kSlotSecond = 13;

uint64_t parts(uint64_t size, uint64_t part) {
  return (size + part - 1) / part;
}

/// The fixed-point array takes a rectangle of positions x output channels through all terms of their sums: a fold. Each
/// fold of channels reads the rows of x again; a row's words come from its bank.
void count_fixed(const RowpipeConfig& config, const ConvTile& t, Facts& facts) {
  const uint64_t channel_folds = parts(t.k, config.fixed_columns);
  const uint64_t folds = parts(t.ow, config.fixed_rows) * channel_folds;
  const uint64_t words = config.words_of_row(t.c, t.w, config.activation_bits);
  for (uint32_t oh = t.oh0; oh < t.oh0 + t.oh_rows; ++oh) {
    uint64_t rows = 0;
    std::array<uint64_t, kMaxBanks> banks{};
    for (uint32_t kh = 0; kh < t.kh; ++kh) {
      const int64_t ih = int64_t{oh} * t.stride_h + int64_t{kh} * t.dilation_h - t.pad_h;
      if (ih < 0 || ih >= t.h) continue;
      ++rows;
      banks[static_cast<uint64_t>(ih) % config.banks] += t.n * channel_folds * words;
    }
    facts.bank_cycles += *std::max_element(banks.begin(), banks.end());
    // The way in: nothing reaches the FP16 units before the first fold is through.
    if (oh == t.oh0) facts.fold_edges += t.c * rows * t.kw;
    facts.folds[0] += t.n * folds;
    facts.fold_steps[0] += t.n * folds * t.c * rows * t.kw;
  }
  facts.dequantised += operand_sizes(Pass::ff, t).outputs;
}

}  // namespace

bool is_float_layer(const ConvTile& t) {
  return uint64_t{t.h} * t.w * t.oh * t.ow * t.kh * t.kw == 1;
}

std::pair<Operand, Operand> prepare_tile(const RowpipeConfig& config, Pass pass, const ConvTile& tile,
                                         const Operand& first, const Operand& second, Workspace& workspace) {
  if (is_float_layer(tile) || pass == Pass::wg) return {first, second};
  const OperandSizes sizes = operand_sizes(pass, tile);
  Operand x = first;
  if (pass == Pass::ff) {
    float* codes = workspace.array<float>(kSlotFirst, sizes.first);
    quantise_activations(config.activation_bits, tile, first.values, codes, workspace);
    x.values = codes;
  }
  float* weights = workspace.array<float>(kSlotSecond, sizes.second);
  quantise_weights(config.weight_bits, tile, second.values, weights, workspace);
  return {x, {weights, second.classes}};
}

void multiply_tile(Pass pass, const ConvTile& tile, const Operand& first, const Operand& second, float* acc,
                   Workspace& workspace) {
  conv_gemm(Arithmetic::kExactProduct, pass, tile, {first.values}, {second.values}, acc, workspace);
}

void count_tile(const RowpipeConfig& config, Pass pass, const ConvTile& tile, Facts& facts) {
  const ProductCounts products = count_products(pass, tile, facts);
  const bool floating = is_float_layer(tile);
  const bool fixed = pass == Pass::ff && !floating;
  const unsigned first = fixed ? kClassLow : kClassHigh, second = floating || pass == Pass::wg ? kClassHigh : kClassLow;
  facts.macs_by_class[first][second] += products.inside;
  if (fixed) count_fixed(config, tile, facts);
}

void finish_sums(Pass pass, std::span<float> sums) {
  if (pass == Pass::ff) round_span(format_row(NumberFormat::kFp16), sums, sums);
}

}  // namespace backboard::npu::rowpipe
