#include "platform/bus/access_requests.h"

#include "platform/check/check.h"

namespace backboard {

AccessRequests::AccessRequests(BusPort& bus, EventQueue& queue, uint32_t outstanding)
    : bus_(bus),
      queue_(queue),
      id_(queue.add_client("access requests", EventRank::memory, *this)),
      outstanding_(outstanding) {}

uint64_t AccessRequests::submit(const BusRequest& request) {
  BB_CHECK(!blocked_, "a request while the port is not ready");
  BB_CHECK(request.size >= 1 && request.size <= kLargestRequestBytes, "{} bytes", request.size);
  if (request.tag >= responses_.size()) responses_.resize(size_t{request.tag} + 1);
  BusAccess access{request.op,   request.address, client_->request_data(request.tag),
                   request.size, request.time_ps, request.who,
                   false};
  uint64_t delay_ps = 0;
  responses_[request.tag] = bus_.access(access, delay_ps);
  queue_.schedule(request.time_ps + delay_ps, id_, request.tag);
  blocked_ = ++in_flight_ == outstanding_;
  return blocked_ ? kLater : request.time_ps;
}

void AccessRequests::on_event(uint64_t tag, uint64_t now_ps) {
  --in_flight_;
  client_->on_response(static_cast<RequestTag>(tag), responses_[tag], now_ps);
  if (!blocked_) return;
  blocked_ = false;
  client_->on_ready(now_ps);
}

void AccessRequests::state(StateArchive& archive) {
  archive.section("access requests");
  archive.vector("responses", responses_);
  archive.value("in_flight", in_flight_);
  archive.value("blocked", blocked_);
}

}  // namespace backboard
