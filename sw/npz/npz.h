// Arrays in NumPy's .npy and .npz files (NEP 1, format versions 1.0 to 3.0; C order).
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <vector>

namespace backboard {

/// Element types that are read and written: '|u1', '<i8', '<f4', '<f8'.
enum class ArrayType : uint8_t { u8, i64, f32, f64 };

unsigned bytes_of(ArrayType type);
const char* name_of(ArrayType type);

/// An array in C order, little-endian.
struct Array {
  ArrayType type = ArrayType::f32;
  std::vector<uint64_t> shape;  ///< empty: a scalar
  std::vector<uint8_t> bytes;   ///< elements() * bytes_of(type)

  uint64_t elements() const;
  /// Element `index` in C order, converted to double (exact but for i64 beyond 2^53).
  double at(uint64_t index) const;
  /// All elements as binary32, rounded to nearest even.
  std::vector<float> floats() const;
  static Array of_floats(std::vector<uint64_t> shape, std::span<const float> values);
  /// "(8, 1, 3, 3)"
  std::string shape_text() const;
};

/// Arrays by name; an .npz member "conv1.weight.npy" has the name "conv1.weight".
using Arrays = std::map<std::string, Array>;

/// Limits that are checked before memory is allocated.
struct NpzLimits {
  uint64_t member_bytes = uint64_t{1} << 30;  ///< uncompressed bytes of one array
  uint64_t total_bytes = uint64_t{2} << 30;   ///< uncompressed bytes of all arrays
  uint32_t members = 4096;
};

/// Parses one .npy image. `file` is used in errors.
/// @throws InputError with the byte offset of what is wrong.
Array parse_npy(std::span<const uint8_t> bytes, const std::string& file);
std::vector<uint8_t> write_npy(const Array& array);

/// @throws InputError when the file cannot be read, is no .npz, or exceeds the limits.
Arrays read_npz(const std::string& path, const NpzLimits& limits = {});
/// Writes a stored (not compressed) .npz whose bytes depend on `arrays` only; written under a temporary name and
/// renamed.
/// @throws InputError when the file cannot be written.
void write_npz(const std::string& path, const Arrays& arrays);

}  // namespace backboard
