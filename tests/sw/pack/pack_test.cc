#include "sw/pack/pack.h"

#include <catch2/catch.hpp>
#include <cstring>
#include <numeric>

#include "drivers/plan/data_format.h"
#include "platform/check/input_error.h"
#include "platform/config/atomic_file.h"
#include "platform/config/config.h"
#include "sw/file/file.h"
#include "sw/npz/npz.h"
#include "tests/sw/mutate.h"

using namespace backboard;
using namespace backboard::sw_test;
using Catch::Contains;

namespace {

const std::string kConfigs = BACKBOARD_SOURCE "/configs/data/";

/// Three images of 2 x 2 with labels 0, 2, 1 as idx files; returns a spec for them.
PackSpec idx_files(const std::string& folder) {
  const std::vector<uint8_t> images = {0, 0, 8, 3, 0, 0, 0, 3, 0,  0,  0,  2,   0,   0,
                                       0, 2, 1, 2, 3, 4, 5, 6, 50, 60, 70, 251, 252, 253};
  const std::vector<uint8_t> labels = {0, 0, 8, 1, 0, 0, 0, 3, 0, 2, 1};
  write_file_atomically(folder + "/images", images);
  write_file_atomically(folder + "/labels", labels);
  PackSpec spec;
  spec.images = folder + "/images";
  spec.labels = folder + "/labels";
  return spec;
}

/// Makes the checksum fit again, so that a mutation reaches the checks behind it.
void repair(std::vector<uint8_t>& bytes) {
  if (bytes.size() < sizeof(data_header)) return;
  const uint32_t size = static_cast<uint32_t>(bytes.size());
  std::memcpy(bytes.data() + offsetof(data_header, total_bytes), &size, 4);
  const uint32_t crc = crc32_of(std::span(bytes).subspan(sizeof(data_header)));
  std::memcpy(bytes.data() + offsetof(data_header, crc32), &crc, 4);
}

}  // namespace

TEST_CASE("idx images and labels come out as they went in") {
  const PackSpec spec = idx_files(scratch_folder());
  const std::vector<uint8_t> bytes = pack_data(spec);
  const DataSet data = parse_data(bytes, "x");
  CHECK(data.count == 3);
  CHECK(data.classes == 3);
  CHECK(data.shape == ImageShape{1, 2, 2});
  CHECK(data.scale == 1.0f / 255.0f);
  CHECK(std::vector<uint8_t>(data.images.begin(), data.images.end()) ==
        std::vector<uint8_t>{1, 2, 3, 4, 5, 6, 50, 60, 70, 251, 252, 253});
  CHECK(std::vector<uint8_t>(data.labels.begin(), data.labels.end()) == std::vector<uint8_t>{0, 2, 1});
  CHECK(bytes.size() % 64 == 0);
}

TEST_CASE("npy, npz and csv sources give the bytes of the idx source") {
  const std::string folder = scratch_folder();
  const PackSpec idx = idx_files(folder);
  const std::vector<uint8_t> expected = pack_data(idx);
  const std::vector<float> pixels = {1, 2, 3, 4, 5, 6, 50, 60, 70, 251, 252, 253};
  Arrays arrays;
  arrays["x"] = Array::of_floats({3, 1, 2, 2}, pixels);
  arrays["flat"] = Array::of_floats({3, 4}, pixels);
  arrays["y"] = Array::of_floats({3}, std::vector<float>{0, 2, 1});
  write_npz(folder + "/set.npz", arrays);
  write_file_atomically(folder + "/x.npy", write_npy(arrays["x"]));
  write_file_atomically(folder + "/set.csv", std::string_view("1,2,3,4,0\n5, 6,50,60,2\r\n70,251,252,253,1"));

  PackSpec spec;
  spec.images = folder + "/set.npz:x";
  spec.labels = folder + "/set.npz:y";
  CHECK(pack_data(spec) == expected);
  spec.images = folder + "/x.npy";
  CHECK(pack_data(spec) == expected);
  spec.images = folder + "/set.npz:flat";
  CHECK_THROWS_WITH(pack_data(spec), Contains("`shape` is needed"));
  spec.shape = {1, 2, 2};
  CHECK(pack_data(spec) == expected);
  spec.images = folder + "/set.csv";
  spec.labels = "";
  CHECK(pack_data(spec) == expected);
}

TEST_CASE("optdigits: 1797 images cut into pool, validation and test, resized and padded as configured") {
  const std::vector<uint8_t> pool_bytes = pack_data(load_config<PackSpec>(kConfigs + "optdigits_pool.yaml"));
  const std::vector<uint8_t> test_bytes = pack_data(load_config<PackSpec>(kConfigs + "optdigits_test.yaml"));
  const std::vector<uint8_t> validation_bytes =
      pack_data(load_config<PackSpec>(kConfigs + "optdigits_validation.yaml"));
  const DataSet pool = parse_data(pool_bytes, "pool"), test = parse_data(test_bytes, "test");
  const DataSet validation = parse_data(validation_bytes, "validation");
  CHECK(pool.count == 800);
  CHECK(validation.count == 100);
  CHECK(test.count == 897);
  CHECK(pool.shape == ImageShape{1, 28, 28});
  CHECK(pool.classes == 10);
  // The first image is a 0 whose first row is 0 0 5 13 9 1 0 0: output row 4 is row 0 of the source (both centres above
  // its first centre), and output column 4 + 5 lies at 5.5 * 0.4 - 0.5 = 1.7: 0.7 * 5 of 16 = 55.78 of 255.
  CHECK(pool.labels[0] == 0);
  CHECK(pool.images[4 * 28 + 9] == 56);
  for (size_t column = 0; column < 28; ++column) CHECK(pool.images[3 * 28 + column] == 0);
  // Bytes are the same on every host.
  CHECK(crc32_of(pool_bytes) == 0xc7fff9dd);
  CHECK(crc32_of(test_bytes) == 0xa7d69f20);
}

TEST_CASE("100 training images are ten of each class, and seeds 1 to 3 give different ones") {
  std::vector<uint32_t> sums;
  for (uint32_t seed = 1; seed <= 3; ++seed) {
    PackSpec spec = load_config<PackSpec>(kConfigs + "optdigits_100.yaml");
    CHECK(spec.subset.seed == 1);
    spec.subset.seed = seed;
    const std::vector<uint8_t> bytes = pack_data(spec);
    const DataSet data = parse_data(bytes, "x");
    CHECK(data.count == 100);
    std::vector<uint32_t> histogram(10, 0);
    for (const uint8_t label : data.labels) ++histogram[label];
    CHECK(histogram == std::vector<uint32_t>(10, 10));
    sums.push_back(crc32_of(bytes));
  }
  CHECK(sums[0] != sums[1]);
  CHECK(sums[1] != sums[2]);
  CHECK(sums[0] != sums[2]);
}

TEST_CASE("bad sources are refused with file and offset or line") {
  const std::string folder = scratch_folder();
  PackSpec spec = idx_files(folder);
  const std::vector<uint8_t> images = read_file(spec.images), labels = read_file(spec.labels);
  const auto error_with = [&](std::vector<uint8_t> changed) {
    write_file_atomically(spec.images, changed);
    std::string text;
    try {
      pack_data(spec);
    } catch (const InputError& error) {
      text = error.what();
    }
    return text;
  };
  std::vector<uint8_t> bytes = images;
  bytes.pop_back();
  CHECK_THAT(error_with(bytes), Contains("images: offset 0x10: (3, 2, 2) takes 12 bytes, the file has 11"));
  bytes = images;
  bytes[2] = 13;
  CHECK_THAT(error_with(bytes), Contains("offset 0x2: idx type 0xd"));
  bytes = images;
  bytes[4] = bytes[8] = bytes[12] = 0xff;
  CHECK_THAT(error_with(bytes), Contains("too large"));
  bytes = images;
  bytes.resize(9);
  CHECK_THAT(error_with(bytes), Contains("offset 0x9: the file ends in its header"));
  CHECK_THAT(error_with({}), Contains("offset 0x0: not an idx file"));
  CHECK(error_with(images).empty());

  std::vector<uint8_t> two_labels = labels;
  two_labels[7] = 2;
  two_labels.pop_back();
  write_file_atomically(spec.labels, two_labels);
  CHECK_THAT(error_with(images), Contains("2 labels for 3 images"));

  PackSpec csv;
  csv.images = folder + "/x.csv";
  csv.shape = {1, 1, 2};
  const auto csv_error = [&](std::string_view text) {
    write_file_atomically(csv.images, text);
    std::string message;
    try {
      pack_data(csv);
    } catch (const InputError& error) {
      message = error.what();
    }
    return message;
  };
  CHECK(csv_error("1,2,0\n").empty());
  CHECK_THAT(csv_error("1,2,0\n1,2\n"), Contains("x.csv:2: 2 numbers, expected 2 and a label"));
  CHECK_THAT(csv_error("1,2,0,4\n"), Contains("x.csv:1: more than 2 numbers and a label"));
  CHECK_THAT(csv_error("1,2,0\n1,x,2\n"), Contains("x.csv:2: expected a number"));
  CHECK_THAT(csv_error("1,2,0.5\n"), Contains("is no whole number"));
  CHECK_THAT(csv_error("1,nan,0\n"), Contains("expected a number"));
  CHECK_THAT(csv_error(""), Contains("holds no image"));
}

TEST_CASE("labels of more than 256 classes have two bytes, others one") {
  const std::string folder = scratch_folder();
  PackSpec spec;
  spec.images = folder + "/wide.csv";
  spec.shape = {1, 1, 2};
  write_file_atomically(spec.images, std::string("1,2,999\n3,4,0\n5,6,257\n7,8,255\n"));
  const std::vector<uint8_t> bytes = pack_data(spec);
  data_header header;
  std::memcpy(&header, bytes.data(), sizeof header);
  CHECK(header.version == 2);
  CHECK(header.classes == 1000);
  const std::vector<uint8_t> labels(bytes.begin() + header.labels_offset, bytes.begin() + header.labels_offset + 8);
  CHECK(labels == std::vector<uint8_t>{0xe7, 0x03, 0, 0, 0x01, 0x01, 0xff, 0});
  const DataSet data = parse_data(bytes, "wide");
  for (const auto& [image, label] : {std::pair{0u, 999u}, {1u, 0u}, {2u, 257u}, {3u, 255u}})
    CHECK(data.label(image) == label);
  CHECK_THAT(describe_data(data), Contains("1000 classes") && Contains("  257      1\n  999      1\n"));
  spec.classes = 257;
  CHECK_THROWS_WITH(pack_data(spec), Contains("label 999 with 257 classes"));
  spec.keep = {0, 255};
  spec.classes = 256;
  const std::vector<uint8_t> narrow = pack_data(spec);
  std::memcpy(&header, narrow.data(), sizeof header);
  CHECK(header.version == 1);
  CHECK(parse_data(narrow, "narrow").label(1) == 255);
  // A label beyond the classes is named with its place.
  std::vector<uint8_t> beyond = bytes;
  std::memcpy(&header, beyond.data(), sizeof header);
  header.classes = 900;
  std::memcpy(beyond.data(), &header, sizeof header);
  CHECK_THROWS_WITH(parse_data(beyond, "beyond"), Contains("label 999 with 900 classes"));
}

TEST_CASE("impossible shapes and labels are refused") {
  PackSpec spec = idx_files(scratch_folder());
  spec.pad = {1, 4};
  CHECK_THROWS_WITH(pack_data(spec), Contains("cannot be padded"));
  spec.pad = {};
  spec.dead_rows = {2};
  CHECK_THROWS_WITH(pack_data(spec), Contains("dead row 2 of 2"));
  spec.dead_rows = {};
  spec.classes = 2;
  CHECK_THROWS_WITH(pack_data(spec), Contains("label 2 with 2 classes"));
  spec.keep = {0, 1};  // the rows that are left have no such label
  CHECK(parse_data(pack_data(spec), "two").classes == 2);
}

TEST_CASE("pixels below 0 or beyond full_scale are refused where they are packed") {
  const std::string folder = scratch_folder();
  PackSpec spec;
  spec.images = folder + "/set.csv";
  spec.shape = {1, 1, 3};
  const auto pack = [&](std::string_view text) {
    write_file_atomically(spec.images, text);
    return pack_data(spec);
  };
  CHECK_THROWS_WITH(pack("1,2,3,0\n4,300,6,1\n"),
                    spec.images + ": image 1, pixel 1: 300 is not within 0 to 255 (`full_scale`)");
  CHECK_THROWS_WITH(pack("1,2,-2,0\n4,5,6,1\n"), Contains("image 0, pixel 2: -2 is not"));
  spec.full_scale = 16;
  CHECK_THROWS_WITH(pack("1,2,3,0\n4,5,16.5,1\n"), Contains("0 to 16"));
  CHECK(parse_data(pack("1,2,3,0\n4,5,16.000001,1\n"), "near").images.back() == 255);  // as floats are rounded
  spec.rows = {0, 1};
  CHECK(parse_data(pack("1,2,3,0\n4,5,17,1\n"), "left out").count == 1);
}

TEST_CASE("errors of a pack spec name file and line") {
  const auto load = [](const std::string& text) { config_from<PackSpec>(load_yaml_text(text, "spec.yaml")); };
  CHECK_THROWS_WITH(load("images: a\nresize: [3]\n"), Contains("spec.yaml:2") && Contains("rows, columns"));
  CHECK_THROWS_WITH(load("images: a\nresise: [3, 3]\n"), Contains("spec.yaml:2") && Contains("resize"));
  CHECK_THROWS_WITH(load("images: a\nrows: [5, 5]\n"), Contains("spec.yaml:2"));
  CHECK_THROWS_WITH(load("images: a\nsubset: {count: 3, per_class: [1]}\n"), Contains("spec.yaml:2"));
  CHECK_THROWS_WITH(load("labels: a\n"), Contains("images"));
}

TEST_CASE("a data file is refused whole when a byte of it is wrong") {
  const std::vector<uint8_t> good = pack_data(idx_files(scratch_folder()));
  for (size_t i = 0; i < good.size(); ++i) {
    // The reserved words of the header are free for later versions.
    if (i >= offsetof(data_header, reserved) && i < sizeof(data_header)) continue;
    // Scale and class count are values without a checksum of their own; their checks come below.
    if (i >= offsetof(data_header, count) && i < offsetof(data_header, images_offset)) continue;
    std::vector<uint8_t> bad = good;
    bad[i] ^= 0x40;
    CAPTURE(i);
    CHECK_THROWS_AS(parse_data(bad, "x"), InputError);
  }
  for (size_t size = 0; size < good.size(); ++size) {
    const std::vector<uint8_t> bad(good.begin(), good.begin() + static_cast<ptrdiff_t>(size));
    CHECK_THROWS_AS(parse_data(bad, "x"), InputError);
  }
}

TEST_CASE("any bytes in place of a data file end in a data set or in an InputError") {
  const std::vector<uint8_t> good = pack_data(idx_files(scratch_folder()));
  std::mt19937 random(3);
  size_t accepted = 0;
  for (int i = 0; i < 30000; ++i) {
    std::vector<uint8_t> bytes = mutate(random, good);
    repair(bytes);
    try {
      const DataSet data = parse_data(bytes, "x");
      CHECK(data.images.size() == data.count * data.shape.elements());
      CHECK(std::accumulate(data.labels.begin(), data.labels.end(), 0u) <= 255u * data.count);
      ++accepted;
    } catch (const InputError&) {
    }
  }
  CHECK(accepted > 100);
}

TEST_CASE("mutated idx and csv files end in a data file or in an InputError") {
  const std::string folder = scratch_folder();
  PackSpec idx = idx_files(folder);
  const std::vector<uint8_t> images = read_file(idx.images);
  PackSpec csv;
  csv.images = folder + "/x.csv";
  csv.shape = {1, 1, 2};
  const std::string text = "1,2,0\n3.5,4e1,1\n255,0,2\n";
  std::mt19937 random(4);
  for (int i = 0; i < 1500; ++i) {
    for (PackSpec* spec : {&idx, &csv}) {
      write_file_atomically(spec->images,
                            mutate(random, spec == &idx ? images : std::vector<uint8_t>(text.begin(), text.end())));
      try {
        parse_data(pack_data(*spec), "x");
      } catch (const InputError&) {
      }
    }
  }
}
