// Bursts, random requests, and the requests of a file.
#include <limits>
#include <vector>

#include "platform/check/check.h"
#include "platform/check/input_error.h"
#include "platform/dram/trace/trace_file.h"
#include "platform/events/clock_time.h"
#include "platform/traffic/traffic_pattern.h"

namespace backboard {
namespace {

constexpr uint64_t kNever = std::numeric_limits<uint64_t>::max();

/// splitmix64 (Steele, Lea and Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014): the state is one
/// number, which is saved.
class Dice {
 public:
  explicit Dice(uint32_t seed) : state_(seed) {}
  uint64_t next() {
    state_ += 0x9E3779B97F4A7C15u;
    uint64_t z = state_;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
  }
  bool percent(uint32_t share) { return next() % 100 < share; }
  void state(StateArchive& archive) { archive.value("dice", state_); }

 private:
  uint64_t state_;
};

class Bursty final : public TrafficPattern {
 public:
  explicit Bursty(const TrafficConfig& config)
      : config_(config), dice_(config.seed), by_burst_(config.burst->bytes / config.request_bytes) {}

  uint64_t next_time_ps() const override { return start_of_ps(bursts_); }
  TrafficMishap advance(uint64_t) override {
    late_ += made_ < bursts_ * by_burst_;
    ++bursts_;
    return nullptr;
  }
  std::optional<TrafficPiece> next(uint64_t now_ps) override {
    if (made_ == bursts_ * by_burst_) return std::nullopt;
    const uint64_t number = made_++;
    if (number % by_burst_ == 0) reads_ = dice_.percent(config_.burst->reads_percent);
    const uint64_t places = config_.size_bytes / config_.request_bytes;
    const uint64_t next_burst_ps = start_of_ps(number / by_burst_ + 1);
    return TrafficPiece{number, config_.base + number % places * config_.request_bytes,
                        reads_ ? BusOp::read : BusOp::write,
                        config_.deadline_ps ? now_ps + *config_.deadline_ps : next_burst_ps};
  }
  void stats(const StatsWriter& writer) const override {
    writer.counter("bursts", bursts_, "bursts", "Bursts begun");
    writer.counter("late_bursts", late_, "bursts", "Bursts that began while requests of earlier ones still waited");
  }
  void state(StateArchive& archive) override {
    archive.value("bursts", bursts_);
    archive.value("made", made_);
    archive.value("late", late_);
    archive.value("reads", reads_);
    dice_.state(archive);
  }

 private:
  uint64_t start_of_ps(uint64_t burst) const { return config_.start_ps + burst * config_.burst->period_ps; }

  TrafficConfig config_;
  Dice dice_;
  uint64_t by_burst_;
  uint64_t bursts_ = 0, made_ = 0, late_ = 0;
  bool reads_ = false;  ///< the burst in progress
};

class Random final : public TrafficPattern {
 public:
  explicit Random(const TrafficConfig& config) : config_(config), dice_(config.seed), next_ps_(config.start_ps) {}

  uint64_t next_time_ps() const override { return next_ps_; }
  TrafficMishap advance(uint64_t now_ps) override {
    ++offered_;
    const uint64_t gap_ps = config_.random->gap_ps;
    next_ps_ = gap_ps == 0 ? kNever : now_ps + dice_.next() % (2 * gap_ps + 1);
    return nullptr;
  }
  std::optional<TrafficPiece> next(uint64_t now_ps) override {
    const bool any = config_.random->gap_ps == 0 ? offered_ != 0 : made_ < offered_;
    if (!any) return std::nullopt;
    const uint64_t place = dice_.next() % (config_.size_bytes / config_.request_bytes);
    const BusOp op = dice_.percent(config_.random->reads_percent) ? BusOp::read : BusOp::write;
    return TrafficPiece{made_++, config_.base + place * config_.request_bytes, op,
                        config_.deadline_ps ? now_ps + *config_.deadline_ps : kNoDeadline};
  }
  void state(StateArchive& archive) override {
    archive.value("next_ps", next_ps_);
    archive.value("offered", offered_);
    archive.value("made", made_);
    dice_.state(archive);
  }

 private:
  TrafficConfig config_;
  Dice dice_;
  uint64_t next_ps_;
  uint64_t offered_ = 0, made_ = 0;
};

class Trace final : public TrafficPattern {
 public:
  explicit Trace(const TrafficConfig& config) : config_(config) {
    const std::string& path = config.trace->file;
    // A request must end within the generator's memory.
    dram::TraceFile file(path, dram::read_trace(path), config.size_bytes - config.request_bytes + 1);
    for (dram::TraceRequest request; file.next(request);) requests_.push_back(request);
    if (requests_.empty()) throw InputError(path + ": no request in the trace");
    constexpr uint64_t kMostSeconds = 1'000'000;  // far from where picoseconds overflow
    if (requests_.back().cycle / config.trace->clock_hz >= kMostSeconds) {
      throw InputError(fmt::format("{}: cycle {} lies beyond {} s", path, requests_.back().cycle, kMostSeconds));
    }
  }

  uint64_t next_time_ps() const override { return offered_ == total() ? kNever : time_of_ps(offered_); }
  TrafficMishap advance(uint64_t) override {
    ++offered_;
    return nullptr;
  }
  std::optional<TrafficPiece> next(uint64_t now_ps) override {
    if (made_ == offered_) return std::nullopt;
    const uint64_t number = made_++;
    const dram::TraceRequest& request = requests_[number % requests_.size()];
    return TrafficPiece{number, config_.base + request.address, request.write ? BusOp::write : BusOp::read,
                        config_.deadline_ps ? now_ps + *config_.deadline_ps : kNoDeadline};
  }
  void stats(const StatsWriter& writer) const override {
    writer.counter("offered", offered_, "requests", "Requests of the trace whose cycle has come");
  }
  void state(StateArchive& archive) override {
    archive.value("offered", offered_);
    archive.value("made", made_);
    if (made_ > offered_ || offered_ > total()) archive.fail("offered", "requests that the trace does not have");
  }

 private:
  uint64_t total() const { return config_.trace->repeat ? kNever : requests_.size(); }
  /// One round of the trace takes its last cycle and one more.
  uint64_t time_of_ps(uint64_t number) const {
    const uint64_t round = number / requests_.size();
    const uint64_t cycle = round * (requests_.back().cycle + 1) + requests_[number % requests_.size()].cycle;
    return config_.start_ps + time_of_cycle(cycle, config_.trace->clock_hz);
  }

  TrafficConfig config_;
  std::vector<dram::TraceRequest> requests_;
  uint64_t offered_ = 0, made_ = 0;
};

}  // namespace

std::unique_ptr<TrafficPattern> make_bursty(const TrafficConfig& config) {
  return std::make_unique<Bursty>(config);
}
std::unique_ptr<TrafficPattern> make_random(const TrafficConfig& config) {
  return std::make_unique<Random>(config);
}
std::unique_ptr<TrafficPattern> make_trace(const TrafficConfig& config) {
  return std::make_unique<Trace>(config);
}

std::unique_ptr<TrafficPattern> make_traffic_pattern(const TrafficConfig& config) {
  switch (config.kind) {
    case TrafficKind::camera:
      return make_camera(config);
    case TrafficKind::display:
      return make_display(config);
    case TrafficKind::bursty:
      return make_bursty(config);
    case TrafficKind::random:
      return make_random(config);
    case TrafficKind::trace:
      return make_trace(config);
  }
  BB_CHECK(false, "kind {}", static_cast<int>(config.kind));
}

}  // namespace backboard
