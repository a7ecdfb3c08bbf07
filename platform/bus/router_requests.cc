// Requests through the router: four phases at its sockets, the RequestBus between them.
#include <fmt/format.h>

#include "platform/bus/router.h"
#include "platform/tlm/time.h"

namespace backboard {

/// What a master's socket knows: answers and END_REQ go back by it.
class Router::MasterSide final : public RequestClient {
 public:
  MasterSide(Router& router, size_t master) : router_(router), master_(master) {}

  uint8_t* request_data(RequestTag tag) override { return payloads_[tag]->get_data_ptr(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override {
    tlm::tlm_generic_payload& payload = *payloads_[tag];
    payloads_[tag] = nullptr;
    if (owes_end_request_ == tag) owes_end_request_ = kNone;  // BEGIN_RESP stands for it
    payload.set_response_status(status_of(response));
    send(payload, tlm::BEGIN_RESP, time_ps);
  }
  void on_ready(uint64_t time_ps) override {
    if (owes_end_request_ == kNone) return;
    const uint32_t tag = owes_end_request_;
    owes_end_request_ = kNone;
    send(*payloads_[tag], tlm::END_REQ, time_ps);
  }
  void hold(RequestTag tag, tlm::tlm_generic_payload& payload) {
    if (tag >= payloads_.size()) payloads_.resize(size_t{tag} + 1);
    payloads_[tag] = &payload;
  }
  tlm::tlm_generic_payload& payload(RequestTag tag) { return *payloads_[tag]; }

  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t owes_end_request_ = kNone;  ///< tag of the request whose END_REQ follows

 private:
  void send(tlm::tlm_generic_payload& payload, tlm::tlm_phase phase, uint64_t time_ps) {
    sc_core::sc_time delay = time_of_ps(time_ps - kernel_time_ps());
    (*router_.masters_[master_])->nb_transport_bw(payload, phase, delay);
  }

  Router& router_;
  size_t master_;
  std::vector<tlm::tlm_generic_payload*> payloads_;  ///< by tag
};

/// What the bus sees of a target's socket. On the way down a payload has the target's address and tag.
class Router::TargetSide final : public RequestPort {
 public:
  TargetSide(Router& router, uint32_t target, const RequestPort& behind)
      : router_(router), target_(target), behind_(behind) {}

  unsigned lanes() const override { return behind_.lanes(); }
  unsigned lane_of(uint64_t address) const override { return behind_.lane_of(address); }

  uint64_t submit(const BusRequest& request) override {
    const auto [master, tag] = router_.request_bus_->owner(target_, request.tag);
    tlm::tlm_generic_payload& payload = router_.master_sides_[master]->payload(tag);
    lower(payload, request.tag);
    payload.get_extension<AttributionExtension>()->master = master;
    tlm::tlm_phase phase = tlm::BEGIN_REQ;
    const uint64_t now_ps = kernel_time_ps();
    sc_core::sc_time delay = time_of_ps(request.time_ps - now_ps);
    switch ((*router_.targets_[target_])->nb_transport_fw(payload, phase, delay)) {
      case tlm::TLM_UPDATED:
        BB_CHECK(phase == tlm::END_REQ, "phase {} as answer to BEGIN_REQ", static_cast<unsigned>(phase));
        return now_ps + delay.value();
      case tlm::TLM_ACCEPTED:
        awaits_end_request_ = request.tag;
        return kLater;
      case tlm::TLM_COMPLETED:
        break;
    }
    answer(payload, now_ps + delay.value());
    return request.time_ps;
  }
  void set_client(RequestClient& client) override { client_ = &client; }

  void lower(tlm::tlm_generic_payload& payload, RequestTag tag) {
    payload.set_address(payload.get_address() - router_.map_[target_].base);
    payload.get_extension<AttributionExtension>()->tag = tag;
  }
  void answer(tlm::tlm_generic_payload& payload, uint64_t time_ps) {
    auto& extension = *payload.get_extension<AttributionExtension>();
    const RequestTag tag = extension.tag;
    extension.tag = router_.request_bus_->owner(target_, tag).second;
    payload.set_address(payload.get_address() + router_.map_[target_].base);
    client_->on_response(tag, response_of(payload.get_response_status()), time_ps);
    // BEGIN_RESP without END_REQ stands for both (IEEE 1666-2011, 15.2.6).
    if (awaits_end_request_ == tag) ready(time_ps);
  }
  void ready(uint64_t time_ps) {
    awaits_end_request_ = kNone;
    client_->on_ready(time_ps);
  }

  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t awaits_end_request_ = kNone;  ///< tag of the request whose END_REQ has not come

 private:
  Router& router_;
  uint32_t target_;
  const RequestPort& behind_;
  RequestClient* client_ = nullptr;
};

Router::~Router() = default;

void Router::carry_requests(EventQueue& queue, const std::vector<const RequestPort*>& behind) {
  queue_ = &queue;
  std::vector<std::string> names;
  for (size_t i = 0; i < masters_.size(); ++i) names.emplace_back(name_of(static_cast<BusMaster>(i)));
  std::vector<RequestPort*> ports;
  for (uint32_t i = 0; i < map_.size(); ++i) {
    target_sides_.push_back(behind[i] != nullptr ? std::make_shared<TargetSide>(*this, i, *behind[i]) : nullptr);
    ports.push_back(target_sides_.back().get());
    if (behind[i] != nullptr)
      targets_[i]->register_nb_transport_bw(this, &Router::nb_transport_bw, static_cast<int>(i));
  }
  request_bus_ = std::make_unique<RequestBus>(config_, queue, *this, names, ports);
  for (size_t i = 0; i < masters_.size(); ++i) {
    master_sides_.push_back(std::make_shared<MasterSide>(*this, i));
    request_bus_->port(i).set_client(*master_sides_[i]);
    masters_[i]->register_nb_transport_fw(this, &Router::nb_transport_fw, static_cast<int>(i));
  }
}

tlm::tlm_sync_enum Router::nb_transport_fw(int master, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time& delay) {
  BB_CHECK(phase == tlm::BEGIN_REQ, "{}: phase {} on the forward path", name(), static_cast<unsigned>(phase));
  const auto* extension = payload.get_extension<AttributionExtension>();
  BB_CHECK(extension != nullptr, "{}: a request without attribution", name());
  MasterSide& side = *master_sides_[static_cast<size_t>(master)];
  const uint64_t now_ps = kernel_time_ps();
  BusRequest request;
  request.address = payload.get_address();
  request.time_ps = now_ps + delay.value();
  request.deadline_ps = extension->deadline_ps;
  request.size = payload.get_data_length();
  request.tag = extension->tag;
  request.op = payload.is_write() ? BusOp::write : BusOp::read;
  request.who = extension->who;
  side.hold(request.tag, payload);
  const uint64_t ready_ps = request_bus_->port(static_cast<size_t>(master)).submit(request);
  if (ready_ps == RequestPort::kLater) {
    side.owes_end_request_ = request.tag;
    return tlm::TLM_ACCEPTED;
  }
  delay = time_of_ps(ready_ps - now_ps);
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

tlm::tlm_sync_enum Router::nb_transport_bw(int target, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                           sc_core::sc_time& delay) {
  TargetSide& side = *target_sides_[static_cast<size_t>(target)];
  const uint64_t time_ps = kernel_time_ps() + delay.value();
  if (phase == tlm::END_REQ) {
    side.ready(time_ps);
    return tlm::TLM_ACCEPTED;
  }
  BB_CHECK(phase == tlm::BEGIN_RESP, "{}: phase {} on the backward path", name(), static_cast<unsigned>(phase));
  side.answer(payload, time_ps);
  return tlm::TLM_COMPLETED;
}

RequestRoutes::Route Router::route(const BusRequest& request) {
  const uint32_t target = find(request.master, request.address, request.size);
  const bool allowed = windows_[request.master].allows(request.op, request.address, request.size);
  if (allowed && target != AddressMap::kNobody) return {BusResponse::ok, target, map_[target].base};
  refuse(request.master, request.op, request.address, request.size, request.who.initiator, request.time_ps, !allowed);
  return {allowed ? BusResponse::decode : BusResponse::denied, 0, 0};
}

void Router::answered(const BusRequest& request, uint32_t target, BusResponse response, const uint8_t* data) {
  counters_[request.master][target].count(request.op, request.size, response);
  if (response != BusResponse::ok) return;
  if (snoop_ && request.master != static_cast<uint8_t>(BusMaster::core)) {
    snoop_(request.op, request.address, request.size, request.who.initiator);
  }
  if (target == traffic_target_) record(request.who, request.op, request.size);
  if (request.op == BusOp::write && watches(request.address, request.size)) watch_(request.address, data, request.size);
}

BusResponse Router::access(uint32_t target, BusAccess& access, uint64_t& delay_ps) {
  tlm::tlm_generic_payload& payload = pool_.acquire();
  payload.set_command(access.op == BusOp::write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  payload.set_address(access.address);
  payload.set_data_ptr(access.data);
  payload.set_data_length(access.size);
  payload.set_streaming_width(access.size);
  payload.set_byte_enable_ptr(nullptr);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  payload.get_extension<AttributionExtension>()->who = access.who;
  const uint64_t ahead_ps = access.time_ps - kernel_time_ps();
  sc_core::sc_time delay = time_of_ps(ahead_ps + delay_ps);
  (*targets_[target])->b_transport(payload, delay);
  delay_ps = delay.value() - ahead_ps;
  const BusResponse response = response_of(payload.get_response_status());
  payload.release();
  return response;
}

void Router::starved(const BusRequest& request, uint64_t) {
  Finding finding;
  finding.time_ps = queue_->now_ps();
  finding.initiator = request.who.initiator;
  finding.block = "bus";
  finding.address = request.address;
  finding.reason =
      fmt::format("requests of {} wait longer than {} ns for their turn: the arbitration of the bus starves it",
                  name_of(static_cast<BusMaster>(request.master)), config_.starvation_ps / 1000);
  findings_.report(std::move(finding));
}

void Router::state_requests(StateArchive& archive) {
  request_bus_->state(archive);
  for (auto& side : master_sides_) archive.value("owes_end_request", side->owes_end_request_);
  for (auto& side : target_sides_) {
    if (side != nullptr) archive.value("awaits_end_request", side->awaits_end_request_);
  }
}

uint32_t Router::adopt(BusMaster master, RequestTag tag, tlm::tlm_generic_payload& payload) {
  const auto number = static_cast<size_t>(master);
  master_sides_[number]->hold(tag, payload);
  payload.set_address(request_bus_->request(static_cast<uint8_t>(number), tag).address);
  for (uint32_t target = 0; target < map_.size(); ++target) {
    if (target_sides_[target] == nullptr) continue;
    for (const RequestTag mine : request_bus_->at_target(target)) {
      if (request_bus_->owner(target, mine) != std::pair(static_cast<uint8_t>(number), tag)) continue;
      target_sides_[target]->lower(payload, mine);
      payload.get_extension<AttributionExtension>()->master = static_cast<uint8_t>(number);
      return target;
    }
  }
  return AddressMap::kNobody;
}

}  // namespace backboard
