// Requests over a bus that only knows accesses (`timing: lt`).
#pragma once

#include <vector>

#include "platform/bus/request.h"
#include "platform/events/event_queue.h"

namespace backboard {

/// A master written for requests meets a bus whose accesses annotate their time: each request is an access when it is
/// submitted, and is answered when the access has taken its time. Takes the next request at once, as long as not more
/// than `outstanding` are unanswered.
class AccessRequests final : public RequestPort, public EventClient, public Saved {
 public:
  AccessRequests(BusPort& bus, EventQueue& queue, uint32_t outstanding);

  uint64_t submit(const BusRequest& request) override;
  void set_client(RequestClient& client) override { client_ = &client; }
  void on_event(uint64_t tag, uint64_t now_ps) override;
  void state(StateArchive& archive) override;
  EventQueue::ClientId event_client() const { return id_; }

 private:
  BusPort& bus_;
  EventQueue& queue_;
  EventQueue::ClientId id_;
  uint32_t outstanding_;
  RequestClient* client_ = nullptr;
  std::vector<BusResponse> responses_;  ///< by tag, of the requests in flight
  uint32_t in_flight_ = 0;
  bool blocked_ = false;
};

}  // namespace backboard
