#include "platform/tlm/master_port.h"

#include "platform/tlm/time.h"

namespace backboard {
namespace {

/// A payload of the pool that goes back at the end of the scope.
class Borrowed {
 public:
  Borrowed(PayloadPool& pool, BusOp op, uint64_t address, uint8_t* data, uint32_t size) : payload_(pool.acquire()) {
    payload_.set_command(op == BusOp::write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
    payload_.set_address(address);
    payload_.set_data_ptr(data);
    payload_.set_data_length(size);
    payload_.set_streaming_width(size);
    payload_.set_byte_enable_ptr(nullptr);
    payload_.set_dmi_allowed(false);
    payload_.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  }
  ~Borrowed() { payload_.release(); }
  Borrowed(const Borrowed&) = delete;
  Borrowed& operator=(const Borrowed&) = delete;
  tlm::tlm_generic_payload* operator->() { return &payload_; }
  tlm::tlm_generic_payload& operator*() { return payload_; }

 private:
  tlm::tlm_generic_payload& payload_;
};

}  // namespace

MasterPort::MasterPort(const sc_core::sc_module_name& name) : sc_module(name), socket("socket") {
  check_resolution();
  socket.register_invalidate_direct_mem_ptr(this, &MasterPort::invalidate_direct_mem_ptr);
  socket.register_nb_transport_bw(this, &MasterPort::nb_transport_bw);
}

void MasterPort::fill(tlm::tlm_generic_payload& payload, const BusRequest& request) {
  payload.set_command(request.op == BusOp::write ? tlm::TLM_WRITE_COMMAND : tlm::TLM_READ_COMMAND);
  payload.set_address(request.address);
  payload.set_data_ptr(client_->request_data(request.tag));
  payload.set_data_length(request.size);
  payload.set_streaming_width(request.size);
  payload.set_byte_enable_ptr(nullptr);
  payload.set_dmi_allowed(false);
  payload.set_response_status(tlm::TLM_INCOMPLETE_RESPONSE);
  auto& extension = *payload.get_extension<AttributionExtension>();
  extension.who = request.who;
  extension.tag = request.tag;
  extension.deadline_ps = request.deadline_ps;
}

uint64_t MasterPort::submit(const BusRequest& request) {
  BB_CHECK(waits_for_end_request_ == nullptr, "{}: a request before END_REQ of the last", name());
  if (request.tag >= in_flight_.size()) in_flight_.resize(size_t{request.tag} + 1);
  BB_CHECK(in_flight_[request.tag] == nullptr, "{}: tag {} is in flight", name(), request.tag);
  tlm::tlm_generic_payload& payload = pool_.acquire();
  in_flight_[request.tag] = &payload;
  fill(payload, request);
  const uint64_t now_ps = kernel_time_ps();
  BB_CHECK(request.time_ps >= now_ps, "{}: a request for {} ps at {} ps", name(), request.time_ps, now_ps);
  tlm::tlm_phase phase = tlm::BEGIN_REQ;
  sc_core::sc_time delay = time_of_ps(request.time_ps - now_ps);
  const tlm::tlm_sync_enum status = socket->nb_transport_fw(payload, phase, delay);
  if (status == tlm::TLM_UPDATED) {
    BB_CHECK(phase == tlm::END_REQ, "{}: phase {} as answer to BEGIN_REQ", name(), static_cast<unsigned>(phase));
    return now_ps + delay.value();
  }
  BB_CHECK(status == tlm::TLM_ACCEPTED, "{}: status {} as answer to BEGIN_REQ", name(), static_cast<int>(status));
  waits_for_end_request_ = &payload;
  return kLater;
}

tlm::tlm_sync_enum MasterPort::nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                               sc_core::sc_time& delay) {
  const uint64_t time_ps = kernel_time_ps() + delay.value();
  // BEGIN_RESP without END_REQ stands for both (IEEE 1666-2011, 15.2.6).
  const bool ready = waits_for_end_request_ == &payload;
  if (ready) waits_for_end_request_ = nullptr;
  if (phase == tlm::BEGIN_RESP) {
    const auto& extension = *payload.get_extension<AttributionExtension>();
    const BusResponse response = response_of(payload.get_response_status());
    counters_.count(payload.is_write() ? BusOp::write : BusOp::read, payload.get_data_length(), response);
    const RequestTag tag = extension.tag;
    in_flight_[tag] = nullptr;
    client_->on_response(tag, response, time_ps);
    payload.release();
  } else {
    BB_CHECK(phase == tlm::END_REQ && ready, "{}: phase {} on the backward path", name(), static_cast<unsigned>(phase));
  }
  if (ready) client_->on_ready(time_ps);
  return phase == tlm::BEGIN_RESP ? tlm::TLM_COMPLETED : tlm::TLM_ACCEPTED;
}

void MasterPort::state(StateArchive& archive) {
  archive.section("master port");
  archive.value("counters", counters_);
  std::vector<RequestTag> tags;
  for_each_in_flight([&](RequestTag tag, tlm::tlm_generic_payload&) { tags.push_back(tag); });
  archive.vector("in_flight", tags);
  for (const RequestTag tag : tags) {
    BusRequest request;
    bool waits = false;
    if (!archive.reading()) {
      const tlm::tlm_generic_payload& payload = *in_flight_[tag];
      const auto& extension = *payload.get_extension<AttributionExtension>();
      request.op = payload.is_write() ? BusOp::write : BusOp::read;
      request.size = payload.get_data_length();
      request.who = extension.who;
      request.deadline_ps = extension.deadline_ps;
      waits = waits_for_end_request_ == &payload;
    }
    request.tag = tag;
    save_request(archive, request);  // the bus, which knows the address, sets it
    archive.value("waits_for_end_request", waits);
    if (!archive.reading()) continue;
    if (tag >= in_flight_.size()) in_flight_.resize(size_t{tag} + 1);
    in_flight_[tag] = &pool_.acquire();
    fill(*in_flight_[tag], request);
    if (waits) waits_for_end_request_ = in_flight_[tag];
  }
}

BusResponse MasterPort::access(BusAccess& access, uint64_t& delay_ps) {
  if (lane_ != nullptr && !access.debug) {
    const BusResponse response = lane_->access(access, delay_ps);
    counters_.count(access.op, access.size, response);
    return response;
  }
  Borrowed payload(pool_, access.op, access.address, access.data, access.size);
  payload->get_extension<AttributionExtension>()->who = access.who;
  if (access.debug) {
    const unsigned done = socket->transport_dbg(*payload);
    const BusResponse response = response_of(payload->get_response_status());
    return response == BusResponse::ok && done != access.size ? BusResponse::target : response;
  }
  const uint64_t now_ps = kernel_time_ps();
  BB_CHECK(access.time_ps >= now_ps, "{}: access at {} ps, now {} ps", name(), access.time_ps, now_ps);
  const uint64_t ahead_ps = access.time_ps - now_ps;
  sc_core::sc_time delay = time_of_ps(ahead_ps + delay_ps);
  socket->b_transport(*payload, delay);
  delay_ps = delay.value() - ahead_ps;
  const BusResponse response = response_of(payload->get_response_status());
  counters_.count(access.op, access.size, response);
  return response;
}

BurstTotals MasterPort::carry(const BurstRuns& runs, BurstPacer& pacer) {
  if (bursts_ == nullptr) return {};
  const BurstTotals totals = bursts_->carry(runs, pacer);
  counters_.count(runs.op, totals.bytes, BusResponse::ok, totals.bursts);
  return totals;
}

std::optional<DirectRegion> MasterPort::direct(uint64_t address) {
  Borrowed payload(pool_, BusOp::read, address, nullptr, 0);
  tlm::tlm_dmi direct;
  if (!socket->get_direct_mem_ptr(*payload, direct)) return std::nullopt;
  DirectRegion region;
  region.bytes = direct.get_dmi_ptr();
  region.first = direct.get_start_address();
  region.last = direct.get_end_address();
  region.readable = direct.is_read_allowed();
  region.writable = direct.is_write_allowed();
  region.read_latency_ps = direct.get_read_latency().value();
  region.write_latency_ps = direct.get_write_latency().value();
  return region;
}

}  // namespace backboard
