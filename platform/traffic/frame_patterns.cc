// Cameras and displays: pixels that do not wait, and a FIFO between them and the bus.
#include <deque>
#include <utility>
#include <vector>

#include "platform/traffic/traffic_pattern.h"

namespace backboard {
namespace {

/// Where and when the pieces of a stream of frames are. A piece is one request's bytes; pieces count from 0 on over
/// lines and frames.
class FrameClock {
 public:
  FrameClock(const TrafficConfig& config)
      : frame_(*config.frame),
        request_(config.request_bytes),
        start_ps_(config.start_ps),
        by_line_(frame_.line_bytes / request_),
        by_frame_(by_line_ * frame_.lines),
        base_(config.base),
        buffers_(config.size_bytes / frame_.frame_bytes()) {}

  /// When the first pixel of piece `n` is there. Bytes of a line come evenly over its time.
  uint64_t begin_ps(uint64_t n) const { return line_start_ps(n) + n % by_line_ * frame_.line_time_ps / by_line_; }
  /// When the last pixel of piece `n` is there.
  uint64_t end_ps(uint64_t n) const { return line_start_ps(n) + (n % by_line_ + 1) * frame_.line_time_ps / by_line_; }
  uint64_t address(uint64_t n) const {
    return base_ + n / by_frame_ % buffers_ * frame_.frame_bytes() + n % by_frame_ * request_;
  }
  uint64_t fifo_pieces() const { return frame_.fifo_bytes / request_; }
  uint64_t frames(uint64_t pieces) const { return pieces / by_frame_; }
  uint64_t line_time_ps() const { return frame_.line_time_ps; }
  uint64_t request() const { return request_; }

 private:
  uint64_t line_start_ps(uint64_t n) const {
    const uint64_t line = n / by_frame_ * (frame_.lines + frame_.blank_lines) + n % by_frame_ / by_line_;
    return start_ps_ + line * frame_.line_time_ps;
  }

  FrameConfig frame_;
  uint64_t request_, start_ps_, by_line_, by_frame_, base_, buffers_;
};

/// A piece whose last pixel has come enters the FIFO, if there is room, and leaves it when it is in memory.
class Camera final : public TrafficPattern {
 public:
  explicit Camera(const TrafficConfig& config) : clock_(config), deadline_ps_(config.deadline_ps) {}

  uint64_t next_time_ps() const override { return clock_.end_ps(arrived_); }
  TrafficMishap advance(uint64_t) override {
    const uint64_t number = arrived_++;
    if (held_ == clock_.fifo_pieces()) {
      ++lost_;
      return "camera: FIFO overflow: pixels are lost";
    }
    ++held_;
    largest_held_ = std::max(largest_held_, held_);
    waiting_.push_back(number);
    return nullptr;
  }
  std::optional<TrafficPiece> next(uint64_t now_ps) override {
    if (waiting_.empty()) return std::nullopt;
    const uint64_t number = waiting_.front();
    waiting_.pop_front();
    // By then the FIFO would be full of later pieces, and one more comes.
    const uint64_t deadline_ps = deadline_ps_ ? now_ps + *deadline_ps_ : clock_.end_ps(number + clock_.fifo_pieces());
    return TrafficPiece{number, clock_.address(number), BusOp::write, deadline_ps};
  }
  void answered(uint64_t) override { --held_; }
  void stats(const StatsWriter& writer) const override {
    writer.counter("frames", clock_.frames(arrived_), "frames", "Whole frames from the sensor");
    writer.counter("fifo_overflow_bytes", lost_ * clock_.request(), "bytes", "Pixels lost: the FIFO was full");
    writer.counter("fifo_largest_bytes", largest_held_ * clock_.request(), "bytes", "Most in the FIFO");
  }
  void state(StateArchive& archive) override {
    archive.value("arrived", arrived_);
    archive.value("held", held_);
    archive.value("largest_held", largest_held_);
    archive.value("lost", lost_);
    std::vector<uint64_t> waiting(waiting_.begin(), waiting_.end());
    archive.vector("waiting", waiting);
    waiting_.assign(waiting.begin(), waiting.end());
  }

 private:
  FrameClock clock_;
  std::optional<uint64_t> deadline_ps_;
  uint64_t arrived_ = 0, held_ = 0, largest_held_ = 0, lost_ = 0;  ///< pieces
  std::deque<uint64_t> waiting_;                                   ///< in the FIFO, no request made
};

/// The FIFO is kept full from a line time before the first pixel on. A piece that is not there when its first pixel is
/// due is not shown; what comes for it later is thrown away, so that the picture stays in its place.
class Display final : public TrafficPattern {
 public:
  explicit Display(const TrafficConfig& config)
      : clock_(config), deadline_ps_(config.deadline_ps), there_(clock_.fifo_pieces()) {}

  uint64_t next_time_ps() const override { return begun_ ? shown_at_ps(shown_) : clock_.begin_ps(0); }
  TrafficMishap advance(uint64_t) override {
    if (!std::exchange(begun_, true)) return nullptr;
    const uint64_t number = shown_++;
    const bool there = there_[number % there_.size()];
    there_[number % there_.size()] = false;
    asked_ = std::max(asked_, shown_);
    if (there) return nullptr;
    ++missing_;
    return "display: FIFO underflow: pixels are missing";
  }
  std::optional<TrafficPiece> next(uint64_t now_ps) override {
    if (!begun_ || asked_ - shown_ >= clock_.fifo_pieces()) return std::nullopt;
    const uint64_t number = asked_++;
    return TrafficPiece{number, clock_.address(number), BusOp::read,
                        deadline_ps_ ? now_ps + *deadline_ps_ : shown_at_ps(number)};
  }
  void answered(uint64_t number) override {
    if (number >= shown_) there_[number % there_.size()] = true;
  }
  void stats(const StatsWriter& writer) const override {
    writer.counter("frames", clock_.frames(shown_), "frames", "Whole frames shown");
    writer.counter("fifo_underflow_bytes", missing_ * clock_.request(), "bytes",
                   "Pixels not shown: the FIFO did not have them");
  }
  void state(StateArchive& archive) override {
    archive.value("begun", begun_);
    archive.value("shown", shown_);
    archive.value("asked", asked_);
    archive.value("missing", missing_);
    archive.range("there", std::span(there_));
  }

 private:
  uint64_t shown_at_ps(uint64_t number) const { return clock_.begin_ps(number) + clock_.line_time_ps(); }

  FrameClock clock_;
  std::optional<uint64_t> deadline_ps_;
  bool begun_ = false;                            ///< fetches ahead
  uint64_t shown_ = 0, asked_ = 0, missing_ = 0;  ///< pieces
  std::vector<uint8_t> there_;                    ///< by piece, in turn: in the FIFO
};

}  // namespace

std::unique_ptr<TrafficPattern> make_camera(const TrafficConfig& config) {
  return std::make_unique<Camera>(config);
}
std::unique_ptr<TrafficPattern> make_display(const TrafficConfig& config) {
  return std::make_unique<Display>(config);
}

}  // namespace backboard
