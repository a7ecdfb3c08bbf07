// Where the simulator's own time goes, by part: for `bench training`. Off unless switched on; then a span costs two
// looks at the thread's clock. Never changes a result.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

namespace backboard {

/// What a thread of the host does.
enum class HostPart : uint8_t {
  rest,     ///< event queue, SystemC, everything that no span names; at `timing: at` bus and memory too
  core,     ///< the core: interpreter, caches
  dma,      ///< the NPU's bursts through bus and memory, their bytes copied
  codec,    ///< decoding what came in, encoding what goes out
  kernels,  ///< the multiply-accumulates of tiles, what packs them, what finishes sums
  counts,   ///< what the multipliers would skip, class pairs, lane times
  vector,   ///< commands without multipliers: normalisation, pooling, element-wise, updates
  plan,     ///< commands to schedules
  waiting,  ///< for other threads
};
inline constexpr unsigned kHostParts = 9;
const char* name_of(HostPart part);

/// Nanoseconds of processor time by part.
using HostTimes = std::array<uint64_t, kHostParts>;

/// Switches measuring on or off, times at zero; for the calling thread the present part is `rest`. While no span is
/// open.
void measure_host_time(bool on);
/// What has passed since measuring was switched on: of the calling thread, and of all others together,
/// whose time without a span is none. What other programs take of the host is in no part, nor is sleep.
struct HostTimeReport {
  HostTimes own{}, others{};
};
HostTimeReport host_time();

/// The calling thread works at a part as long as this lives; spans nest, the inner one counts.
class HostSpan {
 public:
  explicit HostSpan(HostPart part) {
    if (measures_.load(std::memory_order_relaxed)) begin(part);
  }
  ~HostSpan() {
    if (open_) end();
  }
  HostSpan(const HostSpan&) = delete;
  HostSpan& operator=(const HostSpan&) = delete;

 private:
  friend void measure_host_time(bool on);
  void begin(HostPart part);
  void end();

  static std::atomic<bool> measures_;
  bool open_ = false;
  HostPart outer_ = HostPart::rest;
};

}  // namespace backboard
