// What is done to one image on its way into a data file, each step defined to the bit.
#pragma once

#include <cstdint>
#include <functional>
#include <vector>

#include "sw/net/image_shape.h"
#include "sw/pack/pack_spec.h"

namespace backboard {

/// The shape that an image has after resizing, and after padding.
ImageShape resized_shape(const ImageShape& from, const PackSpec& spec);
ImageShape packed_shape(const ImageShape& from, const PackSpec& spec);

/// The value of a source at (c, h, w) of one image.
using SourcePixels = std::function<double(uint32_t c, uint32_t h, uint32_t w)>;

/// Scales to 0..255 and resizes: bilinear, pixel centres at half coordinates, edges repeated, no filter for shrinking.
/// Output row i lies at source row y = ((2 i + 1) in - out) / (2 out), held in [0, in - 1]; likewise the columns. The
/// four neighbours are weighed with whole numbers (fractions of y in units of 1 / (2 out)); the sum, times 255, is
/// divided once by 4 out_h out_w full_scale in double, 0.5 is added, and the floor is held in 0..255. Sums of whole
/// numbers are exact in double, so whole-numbered sources give the same bytes everywhere.
std::vector<uint8_t> resize_to_bytes(const ImageShape& from, const ImageShape& to, double full_scale,
                                     const SourcePixels& source);

/// Pads with zeros: floor(difference / 2) rows above and columns to the left, the rest below and to the right.
std::vector<uint8_t> pad_image(const std::vector<uint8_t>& image, const ImageShape& from, const ImageShape& to);

/// Inverts, adds noise, kills rows and columns, in this order. The noise of a pixel is keyed by (seed, `row` of the
/// image in its source, number of the pixel): floor(value + sigma * gaussian + 0.5), held in 0..255.
void distort(std::vector<uint8_t>& image, const ImageShape& shape, const PackSpec& spec, uint32_t row);

}  // namespace backboard
