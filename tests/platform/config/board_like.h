// A configuration with one field of every kind, for the tests of platform/config.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "platform/config/field_list.h"
#include "platform/config/fields.h"

namespace backboard::config_test {

enum class Timing { lt, at };

struct Array {
  uint32_t rows = 16;
  uint32_t cols = 16;
  template <class V>
  void fields(V& v) {
    v("rows", rows, Range{1, 256}, "Rows of the array");
    v("cols", cols, Range{1, 256}, "Columns of the array");
  }
  void check() const {
    if (rows > cols) throw ConfigRule("rows", "must not exceed cols");
  }
  bool operator==(const Array&) const = default;
};

struct Npu {
  std::string engine = "lnpu";
  uint64_t buffer_bytes = 64 * kKiB;
  Array array;
  template <class V>
  void fields(V& v) {
    v("engine", engine, OneOf{{"reference", "lnpu"}}, "Engine");
    v("buffer", buffer_bytes, Bytes{1, 16 * kMiB}, "Local buffer");
    v("array", array, "Array of multipliers");
  }
  bool operator==(const Npu&) const = default;
};

struct RatePoint {
  uint32_t epoch = 0;
  float rate = 0.01f;
  static constexpr const char* kShorthand = "rate";
  template <class V>
  void fields(V& v) {
    v("epoch", epoch, Range{0, 1000}, "From this epoch on");
    v("rate", rate, Reals{0, 10}, "Learning rate");
  }
  bool operator==(const RatePoint&) const = default;
};

struct Board {
  std::string name = "board";
  uint64_t clock_hz = 200'000'000;
  uint64_t base = 0x80000000;
  uint64_t refresh_ps = 3'904'000;
  Timing timing = Timing::lt;
  bool trace = false;
  std::string firmware;
  Npu npu;
  std::optional<uint32_t> shuffle;
  std::vector<RatePoint> learning_rate = {RatePoint{}};
  std::vector<uint16_t> subsets;
  template <class V>
  void fields(V& v) {
    v("name", name, "Name of the board");
    v("clock", clock_hz, Hertz{1'000'000, 2'000'000'000}, "Clock of the core");
    v("base", base, Address{0, 0xffff'ffff}, "First address");
    v("refresh", refresh_ps, Picoseconds{1, 1'000'000'000'000}, "Refresh interval");
    v("timing", timing, Choices<Timing>{{"lt", Timing::lt}, {"at", Timing::at}}, "Timing level");
    v("trace", trace, "Whether to trace");
    v("firmware", firmware, FilePath{}, "ELF file");
    v("npu", npu, "Training NPU");
    v("shuffle", shuffle, Range{0, UINT32_MAX}, "Seed of the shuffle, or off");
    v("learning_rate", learning_rate, Count{1, 8}, "Schedule");
    v("subsets", subsets, Each{Range{0, 99}, Count{0, 4}}, "Subsets");
  }
  bool operator==(const Board&) const = default;
};

}  // namespace backboard::config_test
