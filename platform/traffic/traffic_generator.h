// A bus master that makes the requests of a pattern.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "platform/bus/request.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/stats/distribution.h"
#include "platform/stats/stats_writer.h"
#include "platform/traffic/traffic_pattern.h"

namespace backboard {

/// Makes a pattern's requests as soon as the pattern wants them, the port takes them and fewer than `outstanding` are
/// unanswered. Counts bytes, latency and deadlines missed; what goes wrong for the pattern is a finding too. Restarts
/// of the board do not touch it: the world outside goes on.
class TrafficGenerator final : public RequestClient, public EventClient, public Saved, public HasStats {
 public:
  /// `number`: which of the board's generators; its accesses are those of `traffic_initiator(number)`.
  TrafficGenerator(const TrafficConfig& config, size_t number, EventQueue& queue, RequestPort& port,
                   FindingSink& findings);

  void on_event(uint64_t tag, uint64_t now_ps) override;
  uint8_t* request_data(RequestTag tag) override { return slots_[tag].bytes.data(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override;

  /// Called behind everything that happens by itself: a board on which nothing else goes on would never end.
  void on_step(std::function<void()> callback) { on_step_ = std::move(callback); }

  const std::string& name() const { return config_.name; }
  EventQueue::ClientId event_client() const { return id_; }

  void state(StateArchive& archive) override;
  void stats(const StatsWriter& writer) const override;

 private:
  struct Slot {
    bool used = false;
    bool write = false;
    uint64_t number = 0;
    uint64_t submitted_ps = 0;
    uint64_t deadline_ps = kNoDeadline;
    std::vector<uint8_t> bytes;
  };
  void pump(uint64_t now_ps);
  void submit(const TrafficPiece& piece, RequestTag tag, uint64_t now_ps);
  void fill(Slot& slot) const;
  void report(const char* what, uint64_t now_ps);

  TrafficConfig config_;
  Initiator initiator_;
  EventQueue& queue_;
  EventQueue::ClientId id_;
  RequestPort& port_;
  FindingSink& findings_;
  std::unique_ptr<TrafficPattern> pattern_;
  std::function<void()> on_step_;
  std::vector<Slot> slots_;  ///< by tag
  bool ready_ = true;
  uint64_t read_bytes_ = 0, write_bytes_ = 0;
  uint64_t deadlines_ = 0, missed_ = 0, errors_ = 0;
  Distribution latency_ns_;
};

}  // namespace backboard
