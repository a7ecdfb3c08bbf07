// What can be chosen about traffic generators: what else lives on an edge SoC.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "platform/bus/attribution.h"
#include "platform/config/fields.h"

namespace backboard {

enum class TrafficKind : uint8_t {
  camera,   ///< writes lines at the pace of a sensor, through a FIFO that overflows
  display,  ///< reads lines at the pace of a panel, through a FIFO that underflows
  bursty,   ///< moves so many bytes in one go, period after period
  random,   ///< requests at random addresses, at random times or as fast as they are answered
  trace,    ///< the requests of a file
};

/// Frames of a camera or display: `lines` lines, each of which takes `line_time`, then `blank_lines` without data.
struct FrameConfig {
  uint64_t line_bytes = 2560;
  uint32_t lines = 480, blank_lines = 45;
  uint64_t line_time_ps = 63'492'000;
  uint64_t fifo_bytes = 8 * kKiB;

  template <class V>
  void fields(V& v) {
    v("line", line_bytes, Bytes{16, 64 * kKiB}, "Bytes of a line, a multiple of `request`");
    v("lines", lines, Range{1, 65536}, "Lines of a frame");
    v("blank_lines", blank_lines, Range{0, 65536}, "Line times without data between frames");
    v("line_time", line_time_ps, Picoseconds{1'000, 1'000'000'000'000}, "Time of a line; its data come evenly");
    v("fifo", fifo_bytes, Bytes{32, kMiB}, "FIFO between pixels and bus, a multiple of `request`");
  }
  uint64_t frame_bytes() const { return line_bytes * lines; }
};

struct BurstConfig {
  uint64_t period_ps = 1'000'000'000;
  uint64_t bytes = 64 * kKiB;
  uint32_t reads_percent = 50;

  template <class V>
  void fields(V& v) {
    v("period", period_ps, Picoseconds{1'000, 1'000'000'000'000}, "From the start of a burst to the start of the next");
    v("bytes", bytes, Bytes{16, kGiB}, "Bytes of a burst, a multiple of `request`, at rising addresses");
    v("reads", reads_percent, Range{0, 100}, "Percent of the bursts that read; the others write");
  }
};

struct RandomConfig {
  uint64_t gap_ps = 1'000'000;
  uint32_t reads_percent = 67;

  template <class V>
  void fields(V& v) {
    v("gap", gap_ps, Picoseconds{0, 1'000'000'000'000},
      "Mean time between requests, evenly spread from 0 to twice that; 0: as fast as they are answered");
    v("reads", reads_percent, Range{0, 100}, "Percent of the requests that read; the others write");
  }
};

struct TraceConfig {
  std::string file;
  uint64_t clock_hz = 200'000'000;
  bool repeat = false;

  template <class V>
  void fields(V& v) {
    v("file", file, FilePath{}, "Trace, in any form that dram-trace reads; addresses are relative to `base`");
    v("clock", clock_hz, Hertz{1'000, 10'000'000'000}, "Clock of the trace's cycles");
    v("repeat", repeat, "Starts again at the end");
  }
};

/// One generator: a bus master of its own. Exactly the part of its kind is given: `frame`, `burst`, `random` or
/// `trace`.
struct TrafficConfig {
  std::string name;
  TrafficKind kind = TrafficKind::camera;
  uint64_t base = 0;
  uint64_t size_bytes = 0;
  uint32_t request_bytes = 256;
  uint64_t start_ps = 0;
  uint32_t seed = 1;
  std::optional<uint64_t> deadline_ps;
  uint32_t outstanding = 8, weight = 1, priority = 0;
  std::optional<FrameConfig> frame;
  std::optional<BurstConfig> burst;
  std::optional<RandomConfig> random;
  std::optional<TraceConfig> trace;

  uint64_t last() const { return base + (size_bytes - 1); }

  template <class V>
  void fields(V& v) {
    v("name", name, "Its name in statistics, traffic.csv and findings: lower case letters, digits and '_'");
    v("kind", kind,
      Choices<TrafficKind>{{"camera", TrafficKind::camera},
                           {"display", TrafficKind::display},
                           {"bursty", TrafficKind::bursty},
                           {"random", TrafficKind::random},
                           {"trace", TrafficKind::trace}},
      "What it does");
    v("base", base, Address{}, "First address of its memory, in DRAM; no other user's");
    v("size", size_bytes, Bytes{0, 4 * kGiB}, "Bytes of its memory; of frames as many buffers as fit, in turn");
    v("request", request_bytes, Range{16, 4096}, "Bytes of a request, a power of two");
    v("start", start_ps, Picoseconds{0, 1'000'000'000'000'000}, "When it begins");
    v("seed", seed, Range{0, UINT32_MAX}, "Of the random numbers of bursty and random");
    v("deadline", deadline_ps, Picoseconds{1, 1'000'000'000'000},
      "From a request to when its answer is needed; off: camera and display by their FIFO, bursty the next burst, "
      "random and trace never");
    v("outstanding", outstanding, Range{1, 64}, "Requests that it has in flight at most");
    v("weight", weight, Range{1, 1'000'000}, "timing at: share of bytes under bus.arbitration: weighted");
    v("priority", priority, Range{0, 255}, "timing at: higher goes first under bus.arbitration: fixed");
    v("frame", frame, "camera and display: lines, pace and FIFO");
    v("burst", burst, "bursty: period and bytes");
    v("random", random, "random: pace and mix");
    v("trace", trace, "trace: file and pace");
  }
  /// Throws ConfigRule, relative to the generator.
  void check() const;
};

/// Names differ from each other and from the SoC's own masters and initiators. Throws ConfigRule for `key.N`.
void check_traffic(const std::vector<TrafficConfig>& generators, const std::string& key);

}  // namespace backboard
