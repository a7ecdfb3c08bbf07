// The asynchronous bus: outstanding limits, arbitration, back-pressure and data channels (`timing: at`).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "platform/bus/arbiter.h"
#include "platform/bus/request.h"
#include "platform/bus/request_accounts.h"
#include "platform/bus/router_config.h"
#include "platform/events/clock_time.h"
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"
#include "platform/stats/stats_writer.h"

namespace backboard {

/// What the bus asks of whoever knows the address map and keeps the accounts.
class RequestRoutes {
 public:
  struct Route {
    BusResponse response = BusResponse::ok;  ///< why the request is refused; then the rest means nothing
    uint32_t target = 0;
    uint64_t base = 0;
  };
  virtual ~RequestRoutes() = default;
  /// Where a request goes. Called once for each; accounts for those that are refused.
  virtual Route route(const BusRequest& request) = 0;
  /// A routed request, its address absolute, is answered.
  virtual void answered(const BusRequest& request, uint32_t target, BusResponse response, const uint8_t* data) = 0;
  /// Carries out an access at a target that takes no requests, which annotates its time.
  virtual BusResponse access(uint32_t target, BusAccess& access, uint64_t& delay_ps) = 0;
  /// A request has waited for its turn longer than `bus.starvation`.
  virtual void starved(const BusRequest& request, uint64_t waited_ps) = 0;
};

/// A crossbar. Each master has a port that takes so many requests before the first is answered, and a queue, in order.
/// For each lane of a target (one but for a memory of several channels) the requests at the heads of the queues
/// contend; at each edge of the bus's clock at which the lane is ready, its arbiter grants one. A request that arrives
/// at an edge contends from the next edge on, so that the order of events within a time never matters.
///
/// Time of an unloaded request: as in `lt` (router.h). It reaches its target `latency` cycles after its submission, a
/// write one beat later; a read is answered a beat after the target has answered. Data occupy the channel of their
/// direction at the master (`width` bytes a cycle) and at the target (`target_width` for each lane); a write ends when
/// all beats have passed.
class RequestBus final : public EventClient, public Saved {
 public:
  /// `targets[i]` is null for a target that takes no requests. `masters`: names by number; `config.masters` says how
  /// they are treated.
  RequestBus(const RouterConfig& config, EventQueue& queue, RequestRoutes& routes, std::vector<std::string> masters,
             std::vector<RequestPort*> targets);
  ~RequestBus() override;

  /// The way in of a master; it has one client.
  RequestPort& port(size_t master);

  void on_event(uint64_t tag, uint64_t now_ps) override;
  /// Requests taken and not answered.
  unsigned in_flight() const;
  /// The request in flight that was submitted first, among those of the first `masters` masters.
  const BusRequest* oldest(size_t masters) const;
  EventQueue::ClientId event_client() const { return id_; }

  const MasterAccount& account(size_t master) const;
  /// The request that a target knows as `tag`: its master's number and tag.
  std::pair<uint8_t, RequestTag> owner(uint32_t target, RequestTag tag) const;
  /// The requests that a target has not answered, by its tags.
  std::vector<RequestTag> at_target(uint32_t target) const;
  /// A request in flight, its address absolute.
  const BusRequest& request(uint8_t master, RequestTag tag) const;
  /// Requests that a target has answered and the bus has not delivered yet: what the target counted and nobody else.
  struct InTransit {
    BusRequest request;
    uint32_t target;
    BusResponse response;
  };
  std::vector<InTransit> in_transit() const;

  void state(StateArchive& archive) override;
  /// By master and target; `time_ps` is the end of the time that shares are of.
  void stats(const StatsWriter& writer, const std::vector<std::string>& target_names, uint64_t time_ps) const;

 private:
  class MasterPort;
  class TargetPort;
  struct Entry;

  void arrange(const Entry& head);
  void arbitrate(uint64_t now_ps);
  void contend(uint32_t target, unsigned lane, uint64_t now_ps);
  void look_for_starvation(MasterPort& master, uint64_t now_ps);
  void account_share(size_t winner);
  void grant(MasterPort& master, uint32_t target, uint64_t now_ps);
  uint64_t beats_ps(uint64_t size, unsigned width_log2) const;
  void deliver(uint8_t master, RequestTag tag, uint64_t now_ps);
  void answer_at(uint64_t time_ps, uint8_t master, RequestTag tag);

  RouterConfig config_;
  EventQueue& queue_;
  EventQueue::ClientId id_;
  RequestRoutes& routes_;
  ClockGrid grid_;
  unsigned width_log2_, target_width_log2_;
  uint64_t cycle_ps_, forward_ps_;
  std::vector<std::unique_ptr<MasterPort>> masters_;
  std::vector<std::unique_ptr<TargetPort>> targets_;
  std::vector<Contender> contenders_;           ///< scratch
  uint64_t arbitrate_ps_ = EventQueue::kNever;  ///< the earliest arbitration scheduled
};

}  // namespace backboard
