// The two sides of the asynchronous bus, shared by the files that implement it.
#pragma once

#include <array>
#include <bit>
#include <deque>
#include <memory>
#include <string>
#include <vector>

#include "platform/bus/request_bus.h"
#include "platform/check/check.h"

namespace backboard {

/// A request that the bus has taken.
struct RequestBus::Entry {
  BusRequest request;
  uint64_t base = 0;  ///< of the target
  uint32_t target = 0;
  unsigned lane = 0;
  BusResponse response = BusResponse::ok;
  bool used = false;
  bool routed = false;        ///< a target answers, not the bus
  bool answered = false;      ///< by the target; on the way to the master
  bool starved = false;       ///< reported
  uint64_t head_ps = 0;       ///< at the head of the queue, since
  uint64_t not_ready_ps = 0;  ///< the target's account of it then
  uint64_t data_ps = 0;       ///< when the last beat has passed at the earliest
};

/// A master's queue and what it has in flight.
class RequestBus::MasterPort final : public RequestPort {
 public:
  MasterPort(RequestBus& bus, uint8_t number, std::string name, uint32_t outstanding, uint32_t weight)
      : bus_(bus), number_(number), name_(std::move(name)), outstanding_(outstanding), weight_(weight) {}

  uint64_t submit(const BusRequest& request) override;
  void set_client(RequestClient& client) override { client_ = &client; }

  bool waits(uint64_t now_ps) const { return !queue_.empty() && entry(queue_.front()).request.time_ps < now_ps; }
  Entry& head() { return entries_[queue_.front()]; }
  Entry& entry(RequestTag tag) { return entries_[tag]; }
  const Entry& entry(RequestTag tag) const { return entries_[tag]; }
  void become_head(uint64_t time_ps);
  void answer(RequestTag tag, uint64_t now_ps);
  void state(StateArchive& archive);

  RequestBus& bus_;
  uint8_t number_;
  std::string name_;
  uint32_t outstanding_, weight_;
  RequestClient* client_ = nullptr;
  std::vector<Entry> entries_;    ///< by tag
  std::deque<RequestTag> queue_;  ///< not granted, in order
  uint32_t in_flight_ = 0;
  bool blocked_ = false;
  uint64_t blocked_since_ps_ = 0;
  std::array<uint64_t, 2> channel_free_ps_{};  ///< by direction
  MasterAccount account_;
};

/// The bus's side of a target: it is the client of the target's port, and knows its requests by tags of its own.
class RequestBus::TargetPort final : public RequestClient {
 public:
  TargetPort(RequestBus& bus, RequestPort* port, const std::vector<MasterShare>& shares)
      : bus_(bus), port_(port), lanes_(port != nullptr ? port->lanes() : 1) {
    BB_CHECK(std::has_single_bit(lanes_.size()), "{} lanes", lanes_.size());
    for (Lane& lane : lanes_) lane.arbiter = make_arbiter(bus.config_.arbitration, shares);
    width_log2_ = bus.target_width_log2_ + static_cast<unsigned>(std::countr_zero(lanes_.size()));
    if (port != nullptr) port->set_client(*this);
  }
  unsigned lane_of(uint64_t address) const { return lanes_.size() == 1 ? 0 : port_->lane_of(address); }

  uint8_t* request_data(RequestTag tag) override {
    const Owner& o = owners_[tag];
    return bus_.masters_[o.master]->client_->request_data(o.tag);
  }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override {
    BB_CHECK(later_, "a target is ready that was ready");
    for (Lane& lane : lanes_) lane.ready_ps = std::max(lane.ready_ps, time_ps);
    later_ = false;
    for (const auto& master : bus_.masters_) {
      if (!master->queue_.empty() && bus_.targets_[master->head().target].get() == this) bus_.arrange(master->head());
    }
  }
  /// The time from which a request that is granted does not arrive before the lane is ready.
  uint64_t grant_from_ps(unsigned lane) const {
    const uint64_t ready_ps = lanes_[lane].ready_ps;
    return ready_ps > bus_.forward_ps_ ? ready_ps - bus_.forward_ps_ : 0;
  }
  /// How much of the time up to `time_ps` the lane was not ready.
  uint64_t not_ready_ps(unsigned lane, uint64_t time_ps) const {
    const Lane& l = lanes_[lane];
    const uint64_t until_ps = later_ ? time_ps : std::min(time_ps, grant_from_ps(lane));
    return l.not_ready_ps + (until_ps > l.granted_ps ? until_ps - l.granted_ps : 0);
  }
  /// The same, mean over the lanes.
  uint64_t not_ready_ps(uint64_t time_ps) const {
    uint64_t sum = 0;
    for (unsigned lane = 0; lane < lanes_.size(); ++lane) sum += not_ready_ps(lane, time_ps);
    return sum / lanes_.size();
  }
  RequestTag claim(uint8_t master, RequestTag tag) {
    RequestTag mine = 0;
    if (free_.empty()) {
      BB_CHECK(owners_.size() <= UINT16_MAX, "{} requests at a target", owners_.size());
      mine = static_cast<RequestTag>(owners_.size());
      owners_.emplace_back();
    } else {
      mine = free_.back();
      free_.pop_back();
    }
    owners_[mine] = {master, true, tag};
    return mine;
  }
  void state(StateArchive& archive);

  struct Owner {
    uint8_t master = 0;
    bool used = false;
    RequestTag tag = 0;
  };
  static_assert(sizeof(Owner) == 4);

  /// What takes requests by itself.
  struct Lane {
    std::unique_ptr<Arbiter> arbiter;
    uint64_t ready_ps = 0;
    uint64_t granted_ps = 0;                    ///< the last grant; since then the lane may not be ready
    uint64_t not_ready_ps = 0;                  ///< up to the last grant
    std::array<uint64_t, 2> channel_free_ps{};  ///< by direction
  };

  RequestBus& bus_;
  RequestPort* port_;
  std::vector<Lane> lanes_;
  unsigned width_log2_ = 0;    ///< data bytes that the target moves in a cycle
  std::vector<Owner> owners_;  ///< by the target's tag
  std::vector<RequestTag> free_;
  bool later_ = false;       ///< the target will say when it is ready
  uint64_t arrived_ps_ = 0;  ///< the last request; they arrive in the order of time
  TargetAccount account_;    ///< but `not_ready_ps`
};

}  // namespace backboard
