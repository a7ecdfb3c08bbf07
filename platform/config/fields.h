// How a config struct lists its keys. Include this alone in a header with a config struct.
//
//   struct ArrayConfig {
//     uint32_t rows = 16;
//     uint64_t buffer_bytes = 64 * kKiB;
//     uint64_t clock_hz = 200'000'000;
//     std::string engine = "lnpu";
//     std::optional<uint32_t> shuffle;          // absent, or `off` in the file
//     CacheConfig cache;
//     std::vector<SchedulePoint> learning_rate; // a list; one element may stand without the brackets
//
//     template <class V>
//     void fields(V& v) {
//       v("rows", rows, Range{1, 256}, "Rows of the array");
//       v("base", base, Address{}, "First address");                                // 0x80000000
//       v("buffer", buffer_bytes, Bytes{1, 16 * kMiB}, "Local buffer");             // 64 KiB
//       v("clock", clock_hz, Hertz{1'000'000, 2'000'000'000}, "Clock");             // 200 MHz
//       v("refresh", refresh_ps, Picoseconds{1, 1'000'000'000'000}, "Interval");    // 12.5 ns
//       v("engine", engine, OneOf{{"reference", "lnpu"}}, "Engine");
//       v("timing", timing, Choices<Timing>{{"lt", Timing::lt}, {"at", Timing::at}}, "Timing level");
//       v("scale", scale, Reals{0.0, 1.0}, "Factor");
//       v("shuffle", shuffle, Range{0, UINT32_MAX}, "Seed of the shuffle, or off");
//       v("enabled", enabled, "Whether it runs");                                   // bool
//       v("name", name, "Free text");                                               // string
//       v("firmware", firmware, FilePath{}, "ELF file");       // relative to the file that says it
//       v("cache", cache, "Data cache");                                            // nested struct
//       v("learning_rate", learning_rate, Count{1, 8}, "Schedule");                 // list of structs
//       v("inputs", inputs, Each{Text{}, Count{0, 2}}, "Names");                   // list of strings
//       v("subsets", subsets, Each{Range{0, 99}, Count{0, 16}}, "Subset numbers");  // list of scalars
//     }
//     void check() const;  // optional: rules between keys; throws ConfigRule{"rows", "must divide cols"}
//   };
//
// The values in a default-constructed struct are the defaults. A key is lower case with '_'; its unit is not part of
// the key, the member carries it (`_bytes`, `_hz`, `_ps`). A struct of which one scalar may stand alone names that key:
// `static constexpr const char* kShorthand = "rate";`. One of which a file says all keys or none, because defaults
// would be another thing's, has `static constexpr bool kTogether = true;`, and may except keys by `kButFor[]`. A plain
// number is taken as bytes, Hz; a time needs a unit.
#pragma once

#include <cstdint>
#include <limits>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

namespace backboard {

inline constexpr uint64_t kKiB = 1024;
inline constexpr uint64_t kMiB = 1024 * kKiB;
inline constexpr uint64_t kGiB = 1024 * kMiB;

/// An integer from `lowest` to `highest`, both allowed.
struct Range {
  int64_t lowest;
  int64_t highest;
};

/// An address: an integer that is shown in hexadecimal.
struct Address {
  int64_t lowest = 0;
  int64_t highest = INT64_MAX;
};

/// A real number from `lowest` to `highest`, both allowed; never NaN or infinite.
struct Reals {
  double lowest;
  double highest;
};

/// A size: B, KiB, MiB, GiB (powers of 1024), kB, MB, GB (powers of 1000), or a plain number of bytes.
struct Bytes {
  uint64_t lowest = 0;
  uint64_t highest = UINT64_MAX;
};

/// A frequency: Hz, kHz, MHz, GHz, or a plain number of Hz. Stored in whole Hz.
struct Hertz {
  uint64_t lowest = 1;
  uint64_t highest = 1'000'000'000'000;
};

/// A time: ps, ns, us, ms, s. Stored in whole picoseconds; a plain number is refused (but 0).
struct Picoseconds {
  uint64_t lowest = 0;
  uint64_t highest = UINT64_MAX / 2;
};

/// A string out of a list.
struct OneOf {
  std::vector<std::string> names;
};

/// An enumerator by its name.
template <class E>
struct Choices {
  Choices(std::initializer_list<std::pair<const char*, E>> list) : names(list) {}
  std::vector<std::pair<const char*, E>> names;
};

/// Any string, as element of a list.
struct Text {};

/// A string that names a file. A relative one is relative to the file that says it, and absolute or relative to the
/// working directory after loading. `--set` values are relative to the working directory.
struct FilePath {};

/// How many elements a list has.
struct Count {
  uint64_t lowest = 0;
  uint64_t highest = 4096;
};

/// A list of scalars, each under `element`.
template <class C>
struct Each {
  C element;
  Count count;
};
template <class C>
Each(C, Count) -> Each<C>;

/// Thrown by a struct's `check()`: `key` is relative to the struct and may be dotted.
class ConfigRule : public std::runtime_error {
 public:
  ConfigRule(std::string key, const std::string& message) : std::runtime_error(message), key_(std::move(key)) {}
  const std::string& key() const { return key_; }

 private:
  std::string key_;
};

}  // namespace backboard
