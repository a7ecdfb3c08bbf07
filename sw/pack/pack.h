// Packs images and labels into a data file (drivers/plan/data_format.h, docs/formats/data.md).
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "sw/net/image_shape.h"
#include "sw/pack/pack_spec.h"

namespace backboard {

/// Packs one data set. The same spec and the same files give the same bytes.
/// @throws InputError (file and offset or line) for bad input, impossible choices and what exceeds the limits.
std::vector<uint8_t> pack_data(const PackSpec& spec);

/// A packed data set taken apart; the spans point into the bytes that were given.
struct DataSet {
  uint32_t count = 0, classes = 0;
  ImageShape shape;
  float scale = 1.0f;
  std::span<const uint8_t> images, labels;
  uint32_t label_bytes = 1;  ///< of each label: 1, or 2, the low one first

  uint32_t label(uint32_t image) const {
    return label_bytes == 1 ? labels[image] : labels[2 * image] | static_cast<uint32_t>(labels[2 * image + 1]) << 8;
  }
};

/// Bytes of a label that a data file of `classes` classes has.
constexpr uint32_t label_bytes_of(uint32_t classes) {
  return classes > 256 ? 2 : 1;
}
/// Appends a label as a data file has it.
inline void append_label(std::vector<uint8_t>& labels, uint32_t label, uint32_t label_bytes) {
  labels.push_back(static_cast<uint8_t>(label));
  if (label_bytes == 2) labels.push_back(static_cast<uint8_t>(label >> 8));
}

/// @throws InputError `file: offset 0x..: ...` unless the file is whole and every label below `classes`.
DataSet parse_data(std::span<const uint8_t> bytes, const std::string& file);

/// The bytes of a data file: header with checksum, images, labels. Shape, scale and labels are as parse_data() wants
/// them.
std::vector<uint8_t> write_data(const DataSet& data);

/// For people: sizes, scale, images of each class.
std::string describe_data(const DataSet& data);

}  // namespace backboard
