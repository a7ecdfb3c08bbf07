#include "sw/pack/pack.h"

#include <algorithm>
#include <cstring>

#include "drivers/plan/data_format.h"
#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "sw/file/file.h"
#include "sw/pack/distort.h"
#include "sw/pack/select.h"
#include "sw/pack/source.h"

namespace backboard {

namespace {

constexpr uint64_t kMaxDataBytes = uint64_t{1} << 30;
constexpr uint32_t kAlignment_bytes = 64;
constexpr uint32_t kMaxClasses = 65535;

uint32_t round_up(uint64_t value) {
  return static_cast<uint32_t>((value + kAlignment_bytes - 1) / kAlignment_bytes * kAlignment_bytes);
}

/// What the spec asks for must fit the shape of the images.
void check_shapes(const ImageShape& from, const PackSpec& spec) {
  const ImageShape resized = resized_shape(from, spec), packed = packed_shape(from, spec);
  if (packed.h < resized.h || packed.w < resized.w)
    throw InputError(fmt::format("{}: images of {} x {} cannot be padded to {} x {}", spec.images, resized.h, resized.w,
                                 packed.h, packed.w));
  for (const uint32_t row : spec.dead_rows)
    if (row >= packed.h) throw InputError(fmt::format("{}: dead row {} of {}", spec.images, row, packed.h));
  for (const uint32_t column : spec.dead_columns)
    if (column >= packed.w) throw InputError(fmt::format("{}: dead column {} of {}", spec.images, column, packed.w));
}

/// A number that was given must cover the rows that are packed, not those that are left out.
uint32_t class_count(const ImageSource& source, const std::vector<uint32_t>& rows, const PackSpec& spec) {
  if (spec.classes == 0) return *std::max_element(source.labels.begin(), source.labels.end()) + 1;
  for (const uint32_t row : rows) {
    if (source.labels[row] >= spec.classes)
      throw InputError(fmt::format("{}: label {} with {} classes", spec.images, source.labels[row], spec.classes));
  }
  return spec.classes;
}

/// Pixels of a packed row lie between 0 and `full_scale`, but for what floating point loses: a wrong `full_scale` must
/// not end in images that are black or white.
void check_pixels(const ImageSource& source, const PackSpec& spec, uint32_t row) {
  const double slack = 1e-6 * spec.full_scale;
  const uint64_t first = row * source.shape.elements();
  for (uint64_t i = 0; i < source.shape.elements(); ++i) {
    const double value = source.value(first + i);
    if (value >= -slack && value <= spec.full_scale + slack) continue;
    throw InputError(fmt::format("{}: image {}, pixel {}: {} is not within 0 to {} (`full_scale`)", spec.images, row, i,
                                 value, spec.full_scale));
  }
}

std::vector<uint8_t> make_image(const ImageSource& source, const PackSpec& spec, uint32_t row) {
  check_pixels(source, spec, row);
  const ImageShape& shape = source.shape;
  const uint64_t first = row * shape.elements();
  const ImageShape resized = resized_shape(shape, spec), packed = packed_shape(shape, spec);
  std::vector<uint8_t> image =
      resize_to_bytes(shape, resized, spec.full_scale, [&](uint32_t c, uint32_t h, uint32_t w) {
        return source.value(first + (uint64_t{c} * shape.h + h) * shape.w + w);
      });
  image = pad_image(image, resized, packed);
  distort(image, packed, spec, row);
  return image;
}

}  // namespace

std::vector<uint8_t> pack_data(const PackSpec& spec) {
  const ImageSource source = read_source(spec);
  check_shapes(source.shape, spec);
  const std::vector<uint32_t> rows = select_rows(source.labels, spec);
  const ImageShape shape = packed_shape(source.shape, spec);
  const uint64_t image_bytes = shape.elements();
  if (rows.size() * image_bytes > kMaxDataBytes)
    throw InputError(fmt::format("{}: {} images of {} bytes are more than a data file holds", spec.images, rows.size(),
                                 image_bytes));

  const uint32_t classes = class_count(source, rows, spec), label_bytes = label_bytes_of(classes);
  std::vector<uint8_t> images, labels;
  images.reserve(rows.size() * image_bytes);
  for (const uint32_t row : rows) {
    const std::vector<uint8_t> image = make_image(source, spec, row);
    images.insert(images.end(), image.begin(), image.end());
    append_label(labels, source.labels[row], label_bytes);
  }
  return write_data({static_cast<uint32_t>(rows.size()), classes, shape, static_cast<float>(spec.scale), images, labels,
                     label_bytes});
}

std::vector<uint8_t> write_data(const DataSet& data) {
  data_header header{};
  header.magic = DATA_MAGIC;
  header.version = data.label_bytes == 2 ? DATA_VERSION_WIDE : DATA_VERSION;
  header.header_bytes = sizeof(data_header);
  header.count = data.count;
  header.c = data.shape.c;
  header.h = data.shape.h;
  header.w = data.shape.w;
  header.classes = data.classes;
  header.scale = data.scale;
  header.images_offset = round_up(sizeof header);
  header.labels_offset = round_up(header.images_offset + data.images.size());
  header.total_bytes = round_up(header.labels_offset + data.labels.size());

  std::vector<uint8_t> bytes(header.total_bytes, 0);
  std::copy(data.images.begin(), data.images.end(), bytes.begin() + header.images_offset);
  std::copy(data.labels.begin(), data.labels.end(), bytes.begin() + header.labels_offset);
  header.crc32 = crc32_of(std::span(bytes).subspan(sizeof header));
  std::memcpy(bytes.data(), &header, sizeof header);
  return bytes;
}

DataSet parse_data(std::span<const uint8_t> bytes, const std::string& file) {
  const auto refuse = [&](size_t offset, const std::string& message) -> InputError {
    return InputError::at_offset(file, offset, message);
  };
  data_header header;
  if (bytes.size() < sizeof header) throw refuse(bytes.size(), "the file ends in its header");
  std::memcpy(&header, bytes.data(), sizeof header);
  if (header.magic != DATA_MAGIC) throw refuse(offsetof(data_header, magic), "not a data file (magic 'BDAT')");
  if (header.version != DATA_VERSION && header.version != DATA_VERSION_WIDE)
    throw refuse(offsetof(data_header, version), fmt::format("version {} is not read; known: {} and {}", header.version,
                                                             DATA_VERSION, DATA_VERSION_WIDE));
  if (header.total_bytes != bytes.size())
    throw refuse(offsetof(data_header, total_bytes),
                 fmt::format("the header says {} bytes, the file has {}", header.total_bytes, bytes.size()));
  if (header.header_bytes != sizeof header)
    throw refuse(offsetof(data_header, header_bytes), fmt::format("a header of {} bytes", header.header_bytes));
  if (header.crc32 != crc32_of(bytes.subspan(sizeof header)))
    throw refuse(offsetof(data_header, crc32), "the checksum does not fit the contents");

  DataSet data;
  data.count = header.count;
  data.classes = header.classes;
  data.shape = {header.c, header.h, header.w};
  data.scale = header.scale;
  const auto too_large = [](uint32_t side) { return side == 0 || side > 65535; };
  if (data.count == 0) throw refuse(offsetof(data_header, count), "no image");
  if (too_large(header.c) || too_large(header.h) || too_large(header.w) || data.shape.elements() > kMaxDataBytes)
    throw refuse(offsetof(data_header, c), fmt::format("images of {} x {} x {}", header.c, header.h, header.w));
  if (data.classes == 0 || data.classes > kMaxClasses)
    throw refuse(offsetof(data_header, classes), fmt::format("{} classes", data.classes));
  if (!(data.scale > 0.0f) || data.scale > 1e30f)
    throw refuse(offsetof(data_header, scale), fmt::format("scale {}", data.scale));
  const auto table = [&](uint32_t offset, uint64_t size, size_t field) {
    if (offset < sizeof header || offset % kAlignment_bytes != 0 || offset > bytes.size() ||
        size > bytes.size() - offset)
      throw refuse(field, fmt::format("{} bytes at offset {:#x} do not fit in the file", size, offset));
    return bytes.subspan(offset, size);
  };
  data.images = table(header.images_offset, data.count * data.shape.elements(), offsetof(data_header, images_offset));
  data.label_bytes = header.version == DATA_VERSION_WIDE ? 2 : 1;
  const uint64_t labels_bytes = uint64_t{data.count} * data.label_bytes;
  data.labels = table(header.labels_offset, labels_bytes, offsetof(data_header, labels_offset));
  for (uint32_t i = 0; i < data.count; ++i)
    if (data.label(i) >= data.classes)
      throw refuse(header.labels_offset + i * data.label_bytes,
                   fmt::format("label {} with {} classes", data.label(i), data.classes));
  return data;
}

std::string describe_data(const DataSet& data) {
  std::vector<uint32_t> histogram(data.classes, 0);
  for (uint32_t i = 0; i < data.count; ++i) ++histogram[data.label(i)];
  std::string text = fmt::format("{} images of {} x {} x {}, {} classes, one step is {:.9g}\nclass images\n",
                                 data.count, data.shape.c, data.shape.h, data.shape.w, data.classes, data.scale);
  for (uint32_t label = 0; label < data.classes; ++label)
    if (histogram[label] != 0 || data.classes <= 256) text += fmt::format("{:5} {:6}\n", label, histogram[label]);
  return text;
}

}  // namespace backboard
