// Configuration of the rowpipe engine: a row pipeline of fixed-point and FP16 units over frozen convolutions (ISCAS
// 2024, 28 nm).
#pragma once

#include <cstdint>

#include "npu/engine/facts.h"
#include "platform/config/fields.h"

namespace backboard::npu::rowpipe {

/// What of a feature map a group of layers keeps on chip.
enum class Buffering : uint8_t {
  kRows,  ///< the rows that the next layer still needs: the publication
  kMaps,  ///< whole maps: the baseline
};

struct RowpipeConfig {
  uint32_t activation_bits = 4, weight_bits = 4;  ///< of a code, its sign included
  uint32_t fixed_rows = 16;     ///< positions of an output row that the fixed-point array takes at once
  uint32_t fixed_columns = 32;  ///< output channels that it takes at once
  uint32_t float_units = 64;    ///< FP16 units: a product, or an operation on an element, a cycle each
  uint32_t banks = 16;          ///< of the row buffers; a bank gives or takes a word a cycle
  uint32_t word_bits = 64;      ///< of a bank
  uint32_t startup_cycles = 8;  ///< from the first operands of a step to the first sum
  Buffering buffering = Buffering::kRows;

  template <class V>
  void fields(V& v) {
    v("activation_bits", activation_bits, Range{2, 8},
      "Bits of an activation's code, the sign included (ISCAS 2024: 4)");
    v("weight_bits", weight_bits, Range{2, 8}, "Bits of a frozen weight's code, the sign included (ISCAS 2024: 4)");
    v("fixed_rows", fixed_rows, Range{1, 256}, "Positions of an output row that the fixed-point array takes at once");
    v("fixed_columns", fixed_columns, Range{1, 1024}, "Output channels that the fixed-point array takes at once");
    v("float_units", float_units, Range{1, 4096}, "FP16 units: a product or an operation on an element a cycle each");
    v("banks", banks, Range{1, kMaxBanks}, "Banks of the row buffers; rows of a map lie in one bank after the other");
    v("word_bits", word_bits, Range{16, 1024}, "Bits that a bank gives or takes a cycle");
    v("startup", startup_cycles, Range{0, 1024}, "Cycles from a step's first operands to its first sum");
    v("buffering", buffering, Choices<Buffering>{{"rows", Buffering::kRows}, {"maps", Buffering::kMaps}},
      "What a group of layers keeps on chip: the rows that are still needed, or whole maps: the baseline");
  }

  /// Words of a row of `channels` x `width` elements; a channel starts in a word of its own.
  uint64_t words_of_row(uint64_t channels, uint64_t width, uint32_t bits) const {
    return channels * ((width * bits + word_bits - 1) / word_bits);
  }
};

/// Bits of an element that the FP16 units take and leave.
inline constexpr uint32_t kFloatBits = 16;

}  // namespace backboard::npu::rowpipe
