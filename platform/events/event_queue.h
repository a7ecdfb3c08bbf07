// The one queue of timed callbacks of all models. The SystemC kernel only wakes it.
#pragma once

#include <cstdint>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "platform/state/archive.h"

namespace backboard {

/// A model with timed callbacks.
class EventClient {
 public:
  virtual ~EventClient() = default;
  /// Called at `now_ps` for each event that the client scheduled with `tag`.
  virtual void on_event(uint64_t tag, uint64_t now_ps) = 0;
};

/// Who runs first at one simulated time. Devices before the bus masters that look at them; the core last, so that
/// an interrupt raised at time t is seen by the instruction that starts at t.
enum class EventRank : uint8_t { control = 0, memory = 1, device = 2, master = 3, core = 4 };

/// Timed callbacks ordered by (time, rank, sequence of scheduling). An outcome therefore never depends on the order
/// in which the SystemC kernel fires events of one time. The queue holds data only, (time, client, tag), and can be
/// saved at any moment between two events.
class EventQueue final : public Saved {
 public:
  static constexpr uint64_t kNever = UINT64_MAX;
  using ClientId = uint16_t;

  /// Registers a client. The order of registration must be the same in the process that restores.
  ClientId add_client(std::string name, EventRank rank, EventClient& client);

  /// Schedules a callback at `time_ps`, which must not lie before `now_ps()`.
  void schedule(uint64_t time_ps, ClientId client, uint64_t tag = 0);

  /// Removes all events of `client` with `tag`. Returns how many there were.
  size_t cancel(ClientId client, uint64_t tag = 0);

  uint64_t now_ps() const { return now_ps_; }
  /// Time of the earliest event, kNever when there is none.
  uint64_t next_time_ps() const { return events_.empty() ? kNever : events_.begin()->time_ps; }

  /// Whether every event, if there is any, is one of these clients.
  bool only_of(std::span<const ClientId> clients) const;

  /// Where a client that runs ahead of the queue must stop: the time of the earliest event, or the first moment behind
  /// the horizon, whichever is sooner.
  uint64_t ahead_limit_ps() const { return horizon_ps_ < next_time_ps() ? horizon_ps_ + 1 : next_time_ps(); }
  /// Nothing may start behind `time_ps` (kNever: no horizon): a run has a limit of time. Not state: each run sets its
  /// own.
  void set_horizon(uint64_t time_ps) { horizon_ps_ = time_ps; }

  /// Advances to the earliest event and runs it. There must be one.
  void run_one();
  /// Runs all events up to and including `time_ps`, then advances to it.
  void run_until(uint64_t time_ps);
  /// Advances to `time_ps`, before which nothing is scheduled; what is due then is still to run.
  void advance_to(uint64_t time_ps);

  void state(StateArchive& archive) override;

 private:
  struct Event {
    uint64_t time_ps;
    uint64_t sequence;
    uint64_t tag;
    uint16_t client;
    uint16_t rank;
    uint32_t padding = 0;
    bool operator<(const Event& other) const {
      if (time_ps != other.time_ps) return time_ps < other.time_ps;
      if (rank != other.rank) return rank < other.rank;
      return sequence < other.sequence;
    }
  };
  struct Client {
    std::string name;
    EventRank rank;
    EventClient* callback;
  };

  std::set<Event> events_;
  std::vector<Client> clients_;
  uint64_t now_ps_ = 0;
  uint64_t horizon_ps_ = kNever;
  uint64_t next_sequence_ = 0;
};

}  // namespace backboard
