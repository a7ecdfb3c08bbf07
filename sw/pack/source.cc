#include "sw/pack/source.h"

#include <charconv>
#include <cmath>
#include <filesystem>
#include <optional>
#include <string_view>

#include "platform/check/input_error.h"
#include "sw/file/file.h"
#include "sw/npz/npz.h"

namespace backboard {

namespace {

constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
constexpr uint64_t kMaxValues = uint64_t{1} << 28;
constexpr uint32_t kMaxImages = 1u << 24;
constexpr uint32_t kMaxSide = 4096;
constexpr uint32_t kMaxLabel = 65534;

enum class Kind : uint8_t { idx, csv, npy, npz };

/// What the name says; a name that says nothing is an idx file, whose distributions have no ending of their own.
Kind kind_of(std::string_view path) {
  if (path.ends_with(".gz")) path.remove_suffix(3);
  if (path.ends_with(".csv")) return Kind::csv;
  if (path.ends_with(".npy")) return Kind::npy;
  if (path.ends_with(".npz") || path.find(".npz:") != std::string_view::npos) return Kind::npz;
  return Kind::idx;
}

/// An idx file (http://yann.lecun.com/exdb/mnist): two zero bytes, type, rank, big-endian sizes, elements.
Array parse_idx(std::vector<uint8_t> bytes, const std::string& file) {
  if (bytes.size() < 4 || bytes[0] != 0 || bytes[1] != 0) throw InputError::at_offset(file, 0, "not an idx file");
  constexpr uint8_t kUnsignedByte = 8;
  if (bytes[2] != kUnsignedByte)
    throw InputError::at_offset(file, 2, fmt::format("idx type {:#x} is not read; known: 0x8 (u8)", bytes[2]));
  const size_t rank = bytes[3];
  if (rank < 1 || rank > 4)
    throw InputError::at_offset(file, 3, fmt::format("rank {} is not read; known: 1 to 4", rank));
  const size_t start = 4 + 4 * rank;
  if (bytes.size() < start) throw InputError::at_offset(file, bytes.size(), "the file ends in its header");
  Array array;
  array.type = ArrayType::u8;
  uint64_t elements = 1;
  for (size_t i = 0; i < rank; ++i) {
    const uint8_t* p = bytes.data() + 4 + 4 * i;
    const uint64_t size = uint64_t{p[0]} << 24 | uint64_t{p[1]} << 16 | uint64_t{p[2]} << 8 | p[3];
    if (size != 0 && elements > kMaxFileBytes / size)
      throw InputError::at_offset(file, 4 + 4 * i, "the array is too large");
    elements *= size;
    array.shape.push_back(size);
  }
  if (bytes.size() - start != elements)
    throw InputError::at_offset(
        file, start,
        fmt::format("{} takes {} bytes, the file has {}", array.shape_text(), elements, bytes.size() - start));
  bytes.erase(bytes.begin(), bytes.begin() + static_cast<ptrdiff_t>(start));
  array.bytes = std::move(bytes);
  return array;
}

Array read_npz_member(const std::string& path) {
  const size_t end = path.rfind(".npz:");
  if (end == std::string::npos) throw InputError(path + ": an .npz holds several arrays: write PATH.npz:MEMBER");
  const std::string file = path.substr(0, end + 4), member = path.substr(end + 5);
  const Arrays arrays = read_npz(file, {.member_bytes = kMaxFileBytes, .total_bytes = kMaxFileBytes, .members = 4096});
  const auto found = arrays.find(member);
  if (found == arrays.end()) {
    std::string known;
    for (const auto& [name, array] : arrays) known += (known.empty() ? "" : ", ") + name;
    throw InputError(fmt::format("{}: no member '{}'; it has: {}", file, member, known));
  }
  return found->second;
}

Array read_array(const std::string& path) {
  switch (kind_of(path)) {
    case Kind::npz:
      return read_npz_member(path);
    case Kind::npy:
      return parse_npy(read_maybe_gzip(path, kMaxFileBytes), path);
    case Kind::idx:
      return parse_idx(read_maybe_gzip(path, kMaxFileBytes), path);
    case Kind::csv:
      break;
  }
  throw InputError(path + ": labels of a csv file are its last column; leave `labels` away");
}

/// The shape of one image of an array: from its rank, or as the spec says when a row is flat.
ImageShape shape_of(const Array& array, const PackSpec& spec) {
  const auto& s = array.shape;
  for (size_t i = 1; i < s.size(); ++i)
    if (s[i] > UINT32_MAX) throw InputError(fmt::format("{}: {} is too large", spec.images, array.shape_text()));
  const auto at = [&](size_t i) { return static_cast<uint32_t>(s[i]); };
  if (s.size() == 4) return {at(1), at(2), at(3)};
  if (s.size() == 3) return {1, at(1), at(2)};
  if (s.size() != 2) throw InputError(fmt::format("{}: {} are no images", spec.images, array.shape_text()));
  if (spec.shape.empty()) throw InputError(fmt::format("{}: rows are flat: `shape` is needed", spec.images));
  const ImageShape shape{spec.shape[0], spec.shape[1], spec.shape[2]};
  if (shape.elements() != s[1])
    throw InputError(fmt::format("{}: {} values a row, but `shape` has {}", spec.images, s[1], shape.elements()));
  return shape;
}

uint32_t label_of(double value, const std::string& place, uint64_t index) {
  if (!(value >= 0.0 && value <= kMaxLabel) || value != std::floor(value))
    throw InputError(
        fmt::format("{}: label {} of image {} is no whole number from 0 to {}", place, value, index, kMaxLabel));
  return static_cast<uint32_t>(value);
}

/// Numbers separated by commas, one image a line, label last.
class CsvReader {
 public:
  CsvReader(const std::vector<uint8_t>& bytes, const PackSpec& spec)
      : at_(reinterpret_cast<const char*>(bytes.data())), end_(at_ + bytes.size()), spec_(spec) {
    if (spec.shape.empty()) throw InputError(fmt::format("{}: rows are flat: `shape` is needed", spec.images));
    source_.shape = {spec.shape[0], spec.shape[1], spec.shape[2]};
  }

  ImageSource read() {
    while (at_ != end_) {
      ++line_;
      row();
    }
    return std::move(source_);
  }

 private:
  [[noreturn]] void fail(const std::string& message) const { throw InputError::at_line(spec_.images, line_, message); }
  void row() {
    const uint64_t pixels = source_.shape.elements();
    if ((source_.count + 1) * pixels > kMaxValues) fail("the file has too many values");
    for (uint64_t i = 0; i < pixels; ++i) {
      source_.values.push_back(static_cast<float>(number()));
      if (at_ == end_ || *at_ != ',') fail(fmt::format("{} numbers, expected {} and a label", i + 1, pixels));
      ++at_;
    }
    source_.labels.push_back(label_of(number(), fmt::format("{}:{}", spec_.images, line_), source_.count));
    if (at_ != end_ && *at_ == '\r') ++at_;
    if (at_ != end_ && *at_ != '\n') fail(fmt::format("more than {} numbers and a label", pixels));
    if (at_ != end_) ++at_;
    ++source_.count;
  }
  double number() {
    while (at_ != end_ && *at_ == ' ') ++at_;
    double value = 0.0;
    const auto [end, error] = std::from_chars(at_, end_, value);
    if (error != std::errc{} || !std::isfinite(value)) fail("expected a number");
    at_ = end;
    return value;
  }

  const char* at_;
  const char* end_;
  const PackSpec& spec_;
  unsigned line_ = 0;
  ImageSource source_;
};

void check_limits(const ImageSource& source, const std::string& file) {
  if (source.count == 0) throw InputError(file + ": holds no image");
  const ImageShape& shape = source.shape;
  if (shape.c == 0 || shape.h == 0 || shape.w == 0 || shape.h > kMaxSide || shape.w > kMaxSide || shape.c > 65535)
    throw InputError(fmt::format("{}: images of {} x {} x {} are not packed", file, shape.c, shape.h, shape.w));
}

}  // namespace

ImageSource read_source(const PackSpec& spec) {
  ImageSource source;
  if (kind_of(spec.images) == Kind::csv) {
    if (!spec.labels.empty())
      throw InputError(fmt::format("{}: labels of a csv file are its last column; leave `labels` away", spec.labels));
    source = CsvReader(read_maybe_gzip(spec.images, kMaxFileBytes), spec).read();
    check_limits(source, spec.images);
    return source;
  }
  if (spec.labels.empty()) throw InputError(spec.images + ": `labels` is needed");
  Array images = read_array(spec.images);
  if (images.shape.empty() || images.shape[0] > kMaxImages)
    throw InputError(fmt::format("{}: {} are no images", spec.images, images.shape_text()));
  source.shape = shape_of(images, spec);
  source.count = static_cast<uint32_t>(images.shape[0]);
  check_limits(source, spec.images);
  if (images.elements() > kMaxValues) throw InputError(spec.images + ": the file has too many values");
  if (images.type == ArrayType::u8) {
    source.bytes = std::move(images.bytes);
  } else {
    source.values = images.floats();
    for (uint64_t i = 0; i < source.values.size(); ++i)
      if (!std::isfinite(source.values[i]))
        throw InputError(fmt::format("{}: element {} is not a finite binary32 number", spec.images, i));
  }

  const Array labels = read_array(spec.labels);
  if (labels.shape.empty() || labels.elements() != source.count)
    throw InputError(fmt::format("{}: {} labels for {} images", spec.labels, labels.elements(), source.count));
  for (uint64_t i = 0; i < source.count; ++i) source.labels.push_back(label_of(labels.at(i), spec.labels, i));
  return source;
}

}  // namespace backboard
