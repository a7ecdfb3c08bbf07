// The .npy format: magic, version, a Python dict literal that says type, order and shape, and the elements.
#include <algorithm>
#include <bit>
#include <cstring>

#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/check/printable.h"
#include "sw/npz/npz.h"

namespace backboard {

static_assert(std::endian::native == std::endian::little, "array bytes are little-endian on disk and in memory");

namespace {

constexpr char kMagic[] = "\x93NUMPY";
constexpr size_t kMagicBytes = 6;
constexpr size_t kMaxDimensions = 32;
constexpr uint64_t kMaxElements = uint64_t{1} << 40;

struct TypeRow {
  ArrayType type;
  const char* code;
  unsigned bytes;
  const char* name;
};
constexpr TypeRow kTypes[] = {{ArrayType::u8, "|u1", 1, "uint8"},
                              {ArrayType::i64, "<i8", 8, "int64"},
                              {ArrayType::f32, "<f4", 4, "float32"},
                              {ArrayType::f64, "<f8", 8, "float64"}};

const TypeRow& row_of(ArrayType type) {
  return kTypes[static_cast<size_t>(type)];
}

/// Reads the dict literal of a header. NumPy writes it in one form, but any order of keys and spacing is legal.
class HeaderParser {
 public:
  HeaderParser(std::string_view text, uint64_t offset, const std::string& file)
      : text_(text), offset_(offset), file_(file) {}

  Array parse() {
    Array array;
    bool seen_type = false, seen_order = false, seen_shape = false;
    expect('{');
    while (!accept('}')) {
      const std::string key = quoted();
      expect(':');
      if (key == "descr" && !seen_type) {
        array.type = type();
        seen_type = true;
      } else if (key == "fortran_order" && !seen_order) {
        order();
        seen_order = true;
      } else if (key == "shape" && !seen_shape) {
        array.shape = shape();
        seen_shape = true;
      } else {
        fail("unexpected key '" + printable(key) + "' in the header");
      }
      if (!accept(',')) {
        expect('}');
        break;
      }
    }
    space();
    if (at_ != text_.size()) fail("characters after the header's dictionary");
    if (!seen_type || !seen_order || !seen_shape) fail("the header lacks descr, fortran_order or shape");
    return array;
  }

 private:
  [[noreturn]] void fail(const std::string& message) const {
    throw InputError::at_offset(file_, offset_ + at_, message);
  }
  void space() {
    while (at_ < text_.size() && (text_[at_] == ' ' || text_[at_] == '\n' || text_[at_] == '\t')) ++at_;
  }
  bool accept(char c) {
    space();
    if (at_ == text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void expect(char c) {
    if (!accept(c)) fail(std::string("expected '") + c + "' in the header");
  }
  bool accept_word(std::string_view word) {
    space();
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  std::string quoted() {
    space();
    const char quote = at_ < text_.size() ? text_[at_] : 0;
    if (quote != '\'' && quote != '"') fail("expected a string in the header");
    const size_t end = text_.find(quote, at_ + 1);
    if (end == std::string_view::npos) fail("a string in the header does not end");
    std::string value(text_.substr(at_ + 1, end - at_ - 1));
    at_ = end + 1;
    return value;
  }
  ArrayType type() {
    space();
    const size_t start = at_;
    const std::string code = quoted();
    for (const TypeRow& row : kTypes)
      if (code == row.code || (row.bytes == 1 && code.size() == 3 && code.substr(1) == "u1")) return row.type;
    at_ = start;
    fail("element type '" + printable(code) + "' is not read; known: |u1, <i8, <f4, <f8");
  }
  void order() {
    if (accept_word("False")) return;
    if (accept_word("True")) fail("Fortran order is not read; save the array in C order");
    fail("fortran_order must be True or False");
  }
  std::vector<uint64_t> shape() {
    std::vector<uint64_t> dimensions;
    uint64_t elements = 1;
    expect('(');
    while (!accept(')')) {
      if (dimensions.size() == kMaxDimensions) fail("more than 32 dimensions");
      dimensions.push_back(number());
      if (dimensions.back() != 0 && elements > kMaxElements / dimensions.back()) fail("the array is too large");
      elements *= dimensions.back();
      if (!accept(',')) {
        expect(')');
        break;
      }
    }
    return dimensions;
  }
  uint64_t number() {
    space();
    uint64_t value = 0;
    const size_t start = at_;
    while (at_ < text_.size() && text_[at_] >= '0' && text_[at_] <= '9') {
      value = value * 10 + static_cast<uint64_t>(text_[at_] - '0');
      if (value > kMaxElements) fail("a dimension is too large");
      ++at_;
    }
    if (at_ == start) fail("expected a number in the shape");
    return value;
  }

  std::string_view text_;
  uint64_t offset_;
  const std::string& file_;
  size_t at_ = 0;
};

template <typename T>
T load(const std::vector<uint8_t>& bytes, uint64_t index) {
  T value;
  std::memcpy(&value, bytes.data() + index * sizeof(T), sizeof(T));
  return value;
}

}  // namespace

unsigned bytes_of(ArrayType type) {
  return row_of(type).bytes;
}
const char* name_of(ArrayType type) {
  return row_of(type).name;
}

uint64_t Array::elements() const {
  uint64_t count = 1;
  for (const uint64_t dimension : shape) count *= dimension;
  return count;
}

double Array::at(uint64_t index) const {
  BB_CHECK(index < elements(), "{} of {}", index, elements());
  switch (type) {
    case ArrayType::u8:
      return bytes[index];
    case ArrayType::i64:
      return static_cast<double>(load<int64_t>(bytes, index));
    case ArrayType::f32:
      return load<float>(bytes, index);
    case ArrayType::f64:
      return load<double>(bytes, index);
  }
  BB_CHECK(false, "type {}", static_cast<int>(type));
}

std::vector<float> Array::floats() const {
  std::vector<float> values(elements());
  for (uint64_t i = 0; i < values.size(); ++i) values[i] = static_cast<float>(at(i));
  return values;
}

Array Array::of_floats(std::vector<uint64_t> shape, std::span<const float> values) {
  Array array;
  array.shape = std::move(shape);
  BB_CHECK(array.elements() == values.size(), "{} in {} values", array.shape_text(), values.size());
  array.bytes.resize(values.size_bytes());
  if (!values.empty()) std::memcpy(array.bytes.data(), values.data(), values.size_bytes());
  return array;
}

std::string Array::shape_text() const {
  std::string text = "(";
  for (size_t i = 0; i < shape.size(); ++i) text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + (shape.size() == 1 ? ",)" : ")");
}

Array parse_npy(std::span<const uint8_t> bytes, const std::string& file) {
  const auto fail = [&](uint64_t offset, const std::string& message) -> InputError {
    return InputError::at_offset(file, offset, message);
  };
  if (bytes.size() < 10 || std::memcmp(bytes.data(), kMagic, kMagicBytes) != 0) throw fail(0, "not an .npy array");
  const unsigned major = bytes[6];
  if (major < 1 || major > 3) throw fail(6, fmt::format("version {} of .npy is not read; known: 1 to 3", major));
  const size_t length_bytes = major == 1 ? 2 : 4;
  const size_t start = 8 + length_bytes;
  if (bytes.size() < start) throw fail(bytes.size(), "the file ends in its header");
  uint64_t length = 0;
  for (size_t i = 0; i < length_bytes; ++i) length |= uint64_t{bytes[8 + i]} << (8 * i);
  if (length > bytes.size() - start)
    throw fail(8, fmt::format("a header of {} bytes does not fit in the file", length));

  const std::string_view text(reinterpret_cast<const char*>(bytes.data()) + start, length);
  Array array = HeaderParser(text, start, file).parse();
  const uint64_t have = bytes.size() - start - length;
  const uint64_t want = array.elements() * bytes_of(array.type);
  if (have != want)
    throw fail(start + length, fmt::format("{} {} takes {} bytes, the file has {}", name_of(array.type),
                                           array.shape_text(), want, have));
  array.bytes.assign(bytes.end() - static_cast<ptrdiff_t>(have), bytes.end());
  return array;
}

std::vector<uint8_t> write_npy(const Array& array) {
  BB_CHECK(array.bytes.size() == array.elements() * bytes_of(array.type), "{}", array.shape_text());
  std::string header = fmt::format("{{'descr': '{}', 'fortran_order': False, 'shape': {}, }}", row_of(array.type).code,
                                   array.shape_text());
  // Elements start at a multiple of 64 bytes, and the header ends with a newline, as NEP 1 asks.
  constexpr size_t kPrefix = 10;
  header.append(63 - (kPrefix + header.size()) % 64, ' ');
  header += '\n';
  BB_CHECK(header.size() < 65536 && (kPrefix + header.size()) % 64 == 0, "{}", header.size());
  std::string prefix(kMagic, kMagicBytes);
  for (const size_t byte : {size_t{1}, size_t{0}, header.size() & 0xff, header.size() >> 8})
    prefix.push_back(static_cast<char>(byte));
  header.insert(0, prefix);
  std::vector<uint8_t> bytes(header.size() + array.bytes.size());
  std::copy(header.begin(), header.end(), bytes.begin());
  std::copy(array.bytes.begin(), array.bytes.end(), bytes.begin() + static_cast<ptrdiff_t>(header.size()));
  return bytes;
}

}  // namespace backboard
