// What counting FF and BP has in common, and its parts: units of inputs, windows, groups of outputs.
#pragma once

#include <cstddef>
#include <cstdint>

#include "npu/engine/lnpu/config.h"
#include "npu/engine/lnpu/lanes.h"

namespace backboard::npu::lnpu {

/// Inputs of a bin's window: units [first, last) of the tile; a unit is a row of positions or a piece of one.
struct CountWindow {
  uint32_t first, last, bin;
};

/// Times of FC layers with few images, in bytes: rows of `pitch`, one a bin and one of all inputs, zero behind the last
/// step; 64-byte aligned.
struct ByteTimes {
  uint8_t *time, *extra;
  size_t pitch;
  static constexpr uint32_t kMostImages = 127;  ///< twice that fits in a byte
  static constexpr uint32_t kMultiple = 64;     ///< of a pitch: whole vectors
};

/// What counting FF and BP has in common. A step is r = (q * kh + i) * kw + j.
struct CountRows {
  const LnpuConfig* config;
  const uint8_t* input;  ///< (n, q, in_rows, in_width)
  size_t input_stride_n, input_stride_q;
  uint32_t n, q, in_rows, in_width;
  const uint8_t* other;  ///< weights
  size_t other_stride_q, other_stride_j;
  uint32_t outputs;  ///< N side: output channels of the phase
  uint32_t kh, kw;
  uint32_t units, segments, words;  ///< units of the tile, pieces of a row, 64-bit words of an input row
  const uint32_t* unit_of;          ///< [kh][units]: unit of the input row that the tap reads, or the empty one
  const uint64_t* masks;            ///< [segments][kw][words]: columns that the tap reads
  const uint8_t* row_read;          ///< [in_rows]: some tap reads it
  const uint32_t* valid;            ///< [kh][kw]: positions of the tile that have the tap
  const CountWindow* windows;
  uint32_t window_count;
  uint32_t bins, lanes_per_bin, steps;  ///< bins: strips, or strips x lanes with the balancer off
  CoreGrid grid;
  uint32_t* unit_counts;  ///< [input units + 1][kw][q]; the last unit is the empty one
  uint32_t* scratch;      ///< [2 bins + 2][padded_steps]: [kh][kw * q, rounded up to whole vectors]
  uint32_t padded_steps;
  uint32_t *low_time, *extra_time;  ///< [bins][steps] and a vector
  uint8_t* group_classes;           ///< [steps] and a vector; 1x1: [groups][steps] and a vector
  /// [steps] and a vector: half-cycles of all inputs at the low rate; what a high group adds.
  uint32_t *total_time, *total_extra;
  uint32_t chunk;                         ///< steps in one window
  const ByteTimes* byte_times = nullptr;  ///< of time_images(), which then leaves low_time and extra_time alone
};

/// Adds up windows of every step: time at the low rate, what a high group adds, and the totals.
void time_windows(const CountRows& problem);

/// The same for FC layers: a row is an image, a step an input channel; the channels of an image lie side by side.
void time_images(const CountRows& problem);

/// Times [bin][column of cores] and busy half-cycles of all groups, and the low and high operands of the N side at each
/// step: other_low and other_high [steps], zero before.
void time_groups(const CountRows& problem, uint32_t* other_low, uint32_t* other_high, uint64_t* bin_times,
                 uint64_t* busy);

/// Sums over the steps of a layer: inputs non-zero and high; operands low and high; products of these.
struct PairSums {
  uint64_t inputs[2] = {}, others[2] = {}, both[2][2] = {};
};
/// Of a layer with one tap.
void sum_pairs(const CountRows& problem, const uint32_t* other_low, const uint32_t* other_high, PairSums& sums);

/// Adds the products by class: `all` inputs, zeros included, of which each meets the `outputs` operands of its step.
/// sums.others: times the inputs of a step.
void add_class_pairs(const PairSums& sums, uint64_t all, uint32_t outputs, Facts& facts);

}  // namespace backboard::npu::lnpu
