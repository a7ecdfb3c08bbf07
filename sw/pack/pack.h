// Packs images and labels into a data file (drivers/plan/data_format.h, docs/formats/data.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sw/net/network.h"

namespace backboard {

/// What to read and what to do to it, in the order of the members. YAML keys: docs/formats/data.md.
struct PackSpec {
  std::string images;             ///< path: idx or idx.gz; csv or csv.gz (label last); npy; npz (then "path:member")
  std::string labels;             ///< path as above; empty for csv
  ImageShape shape;               ///< csv, npy and npz of rank 2: shape of a row; zero: taken from the file
  double full_scale = 255.0;      ///< value of the source that becomes 255
  uint32_t first = 0;             ///< first row
  uint32_t count = 0;             ///< rows; 0: to the end
  std::vector<uint32_t> classes;  ///< labels to keep; empty: all
  uint32_t subset = 0;            ///< images to draw; 0: all, in their order
  uint64_t subset_seed = 0;
  bool stratified = true;                         ///< equal numbers a class (differing by at most one)
  uint32_t resize_h = 0, resize_w = 0;            ///< 0: as they are
  uint32_t pad_h = 0, pad_w = 0;                  ///< final size, image centred; 0: as they are
  bool invert = false;                            ///< 255 - v
  std::vector<uint32_t> dead_rows, dead_columns;  ///< set to zero
  double noise_sigma = 0.0;                       ///< of a Gaussian added to each pixel, in steps of 255
  uint64_t noise_seed = 0;
  float scale = 1.0f / 255.0f;  ///< value of one step, for the header
};

/// Packs one data set.
/// @throws InputError (file and offset or line) for bad input, impossible choices and what exceeds the limits.
std::vector<uint8_t> pack_data(const PackSpec& spec);

/// A packed data set taken apart; spans point into the bytes given.
struct DataSet {
  uint32_t count, classes;
  ImageShape shape;
  float scale;
  std::span<const uint8_t> images, labels;
};

/// @throws InputError `file: offset 0x..: ...` unless the file is whole and every label below `classes`.
DataSet parse_data(std::span<const uint8_t> bytes, const std::string& file);

}  // namespace backboard
