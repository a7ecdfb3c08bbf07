// What to pack and how (configs/data/*.yaml, `data:` of a run file; docs/formats/data.md).
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "platform/config/fields.h"

namespace backboard {

/// Which of the rows that are left are taken.
struct SubsetSpec {
  static constexpr const char* kShorthand = "count";
  uint32_t count = 0;  ///< 0: all rows, in their order
  uint32_t seed = 0;
  bool stratified = true;
  std::vector<uint32_t> per_class;  ///< instead of count: images of class 0, 1, ...
  bool rest = false;                ///< what such a draw leaves, in the order of its keys

  template <class V>
  void fields(V& v) {
    v("count", count, Range{0, 1 << 24}, "Images to draw without replacement; 0: all rows, in their order");
    v("seed", seed, Range{0, UINT32_MAX}, "Seed of the draw");
    v("stratified", stratified,
      "Equal numbers of each class, differing by at most one (the lower classes get one more)");
    v("per_class", per_class, Each{Range{0, 1 << 24}, Count{0, 65535}},
      "Instead of count: images to draw of class 0, 1, ...");
    v("rest", rest, "What such a draw leaves in place of what it takes: to validate on; `subsets` of a run seed both");
  }
  bool draws() const { return count != 0 || !per_class.empty(); }
  void check() const {
    if (rest && !draws()) throw ConfigRule{"rest", "needs count or per_class: nothing is drawn"};
    if (count != 0 && !per_class.empty()) throw ConfigRule{"per_class", "stands instead of count, not beside it"};
  }
};

/// Gaussian noise added to every pixel.
struct NoiseSpec {
  static constexpr const char* kShorthand = "sigma";
  double sigma = 0.0;  ///< in steps of the u8 pixel
  uint32_t seed = 0;

  template <class V>
  void fields(V& v) {
    v("sigma", sigma, Reals{0.0, 1000.0}, "Standard deviation in steps of the 0..255 pixel; 0: no noise");
    v("seed", seed, Range{0, UINT32_MAX}, "Seed of the noise");
  }
};

/// Where images come from and what is done to them, in this order: rows, keep, subset, resize, pad, invert, noise, dead
/// rows and columns.
struct PackSpec {
  std::string images;           ///< path; for an .npz "path:member"
  std::string labels;           ///< path as above; empty: the last column of a csv
  std::vector<uint32_t> shape;  ///< c, h, w of a csv row or of an array of rank 2
  double full_scale = 255.0;    ///< value of the source that becomes 255
  std::vector<uint32_t> rows;   ///< first, end
  std::vector<uint32_t> keep;
  uint32_t classes = 0;
  SubsetSpec subset;
  std::vector<uint32_t> resize, pad;  ///< h, w
  bool invert = false;
  NoiseSpec noise;
  std::vector<uint32_t> dead_rows, dead_columns;
  double scale = 1.0 / 255.0;

  template <class V>
  void fields(V& v) {
    v("images", images, FilePath{}, "idx, idx.gz, csv, csv.gz, npy, or npz with :MEMBER behind the path");
    v("labels", labels, FilePath{}, "idx, idx.gz, npy or npz:MEMBER; absent: the last column of the csv");
    v("shape", shape, Each{Range{1, 65535}, Count{0, 3}}, "Channels, rows, columns of a csv row or of a flat array");
    v("full_scale", full_scale, Reals{1e-30, 1e30}, "Value of the source that becomes 255");
    v("rows", rows, Each{Range{0, UINT32_MAX}, Count{0, 2}}, "First row, and the row behind the last one");
    v("keep", keep, Each{Range{0, 65534}, Count{0, 65535}}, "Classes to keep; absent: all");
    v("classes", classes, Range{0, 65535}, "Number of classes for the header; 0: largest label of the source + 1");
    v("subset", subset, "Draw of a part of the rows");
    v("resize", resize, Each{Range{1, 4096}, Count{0, 2}}, "Rows and columns after bilinear interpolation");
    v("pad", pad, Each{Range{1, 4096}, Count{0, 2}}, "Rows and columns after padding with zeros, image in the centre");
    v("invert", invert, "255 - value, the padding too");
    v("noise", noise, "Gaussian noise, rounded and held in 0..255");
    v("dead_rows", dead_rows, Each{Range{0, 4095}, Count{0, 4096}}, "Rows that read 0");
    v("dead_columns", dead_columns, Each{Range{0, 4095}, Count{0, 4096}}, "Columns that read 0");
    v("scale", scale, Reals{1e-30, 1e30}, "What one step of a pixel is worth to the network");
  }
  void check() const {
    if (images.empty()) throw ConfigRule{"images", "is missing"};
    if (!shape.empty() && shape.size() != 3) throw ConfigRule{"shape", "must be channels, rows, columns"};
    if (!rows.empty() && (rows.size() != 2 || rows[0] >= rows[1]))
      throw ConfigRule{"rows", "must be the first row and the row behind the last one"};
    if (!resize.empty() && resize.size() != 2) throw ConfigRule{"resize", "must be rows, columns"};
    if (!pad.empty() && pad.size() != 2) throw ConfigRule{"pad", "must be rows, columns"};
  }
};

}  // namespace backboard
