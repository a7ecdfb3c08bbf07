#include "platform/tlm/target_socket.h"

#include "platform/tlm/payload.h"
#include "platform/tlm/time.h"

namespace backboard {
namespace {

BusAccess access_of(tlm::tlm_generic_payload& payload) {
  BusAccess access;
  access.op = payload.is_write() ? BusOp::write : BusOp::read;
  access.address = payload.get_address();
  access.data = payload.get_data_ptr();
  access.size = payload.get_data_length();
  if (const auto* extension = payload.get_extension<AttributionExtension>()) access.who = extension->who;
  return access;
}

/// Whether the payload uses only what the models know; sets the status where it does not.
bool understood(tlm::tlm_generic_payload& payload) {
  if (payload.get_byte_enable_ptr() != nullptr) {
    payload.set_response_status(tlm::TLM_BYTE_ENABLE_ERROR_RESPONSE);
  } else if (payload.get_streaming_width() < payload.get_data_length()) {
    payload.set_response_status(tlm::TLM_BURST_ERROR_RESPONSE);
  } else if (payload.get_command() == tlm::TLM_IGNORE_COMMAND) {
    payload.set_response_status(tlm::TLM_COMMAND_ERROR_RESPONSE);
  } else {
    return true;
  }
  return false;
}

}  // namespace

TargetSocket::TargetSocket(const sc_core::sc_module_name& name, BusTarget& target, RequestPort* requests,
                           BurstPort* bursts)
    : sc_module(name), socket("socket"), target_(target), requests_(requests), bursts_(bursts) {
  check_resolution();
  socket.register_nb_transport_fw(this, &TargetSocket::nb_transport_fw);
  if (requests != nullptr) requests->set_client(*this);
  socket.register_b_transport(this, &TargetSocket::b_transport);
  socket.register_transport_dbg(this, &TargetSocket::transport_dbg);
  socket.register_get_direct_mem_ptr(this, &TargetSocket::get_direct_mem_ptr);
}

void TargetSocket::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (!understood(payload)) return;
  BusAccess access = access_of(payload);
  access.time_ps = kernel_time_ps() + delay.value();
  uint64_t delay_ps = 0;
  const BusResponse response = serve(access, delay_ps);
  delay += time_of_ps(delay_ps);
  payload.set_response_status(status_of(response));
}

tlm::tlm_sync_enum TargetSocket::nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                                 sc_core::sc_time& delay) {
  BB_CHECK(phase == tlm::BEGIN_REQ, "{}: phase {} on the forward path", name(), static_cast<unsigned>(phase));
  if (requests_ == nullptr) payload.set_response_status(tlm::TLM_GENERIC_ERROR_RESPONSE);
  if (requests_ == nullptr || !understood(payload)) return tlm::TLM_COMPLETED;
  const auto& extension = *payload.get_extension<AttributionExtension>();
  const uint64_t now_ps = kernel_time_ps();
  BusRequest request;
  request.address = payload.get_address();
  request.time_ps = now_ps + delay.value();
  request.deadline_ps = extension.deadline_ps;
  request.size = payload.get_data_length();
  request.tag = extension.tag;
  request.master = extension.master;
  request.op = payload.is_write() ? BusOp::write : BusOp::read;
  request.who = extension.who;
  adopt(payload);
  submitting_ = &payload;
  const uint64_t ready_ps = requests_->submit(request);
  const bool completed = submitting_ == nullptr;
  submitting_ = nullptr;
  if (completed) {
    delay = time_of_ps(completed_ps_ - now_ps);
    return tlm::TLM_COMPLETED;
  }
  if (ready_ps == RequestPort::kLater) {
    owes_end_request_ = request.tag;
    return tlm::TLM_ACCEPTED;
  }
  delay = time_of_ps(ready_ps - now_ps);
  phase = tlm::END_REQ;
  return tlm::TLM_UPDATED;
}

void TargetSocket::adopt(tlm::tlm_generic_payload& payload) {
  const RequestTag tag = payload.get_extension<AttributionExtension>()->tag;
  if (tag >= in_flight_.size()) in_flight_.resize(size_t{tag} + 1);
  in_flight_[tag] = &payload;
}

void TargetSocket::on_response(RequestTag tag, BusResponse response, uint64_t time_ps) {
  tlm::tlm_generic_payload& payload = *in_flight_[tag];
  in_flight_[tag] = nullptr;
  counters_.count(payload.is_write() ? BusOp::write : BusOp::read, payload.get_data_length(), response);
  payload.set_response_status(status_of(response));
  if (submitting_ == &payload) {
    submitting_ = nullptr;
    completed_ps_ = time_ps;
    return;
  }
  if (owes_end_request_ == tag) owes_end_request_ = kNone;
  tlm::tlm_phase phase = tlm::BEGIN_RESP;
  sc_core::sc_time delay = time_of_ps(time_ps - kernel_time_ps());
  const tlm::tlm_sync_enum status = socket->nb_transport_bw(payload, phase, delay);
  BB_CHECK(status == tlm::TLM_COMPLETED, "{}: status {} as answer to BEGIN_RESP", name(), static_cast<int>(status));
}

void TargetSocket::on_ready(uint64_t time_ps) {
  if (owes_end_request_ == kNone) return;  // BEGIN_RESP stood for it
  tlm::tlm_generic_payload& payload = *in_flight_[owes_end_request_];
  owes_end_request_ = kNone;
  tlm::tlm_phase phase = tlm::END_REQ;
  sc_core::sc_time delay = time_of_ps(time_ps - kernel_time_ps());
  socket->nb_transport_bw(payload, phase, delay);
}

unsigned TargetSocket::transport_dbg(tlm::tlm_generic_payload& payload) {
  if (!understood(payload)) return 0;
  BusAccess access = access_of(payload);
  access.time_ps = kernel_time_ps();
  access.debug = true;
  uint64_t delay_ps = 0;
  const BusResponse response = target_.access(access, delay_ps);
  payload.set_response_status(status_of(response));
  return response == BusResponse::ok ? access.size : 0;
}

bool TargetSocket::get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& direct) {
  const auto region = target_.direct(payload.get_address());
  if (!region) {
    direct.set_start_address(payload.get_address());
    direct.set_end_address(payload.get_address());
    return false;
  }
  direct.set_dmi_ptr(region->bytes);
  direct.set_start_address(region->first);
  direct.set_end_address(region->last);
  direct.set_read_latency(time_of_ps(region->read_latency_ps));
  direct.set_write_latency(time_of_ps(region->write_latency_ps));
  direct.allow_none();
  if (region->readable && region->writable) {
    direct.allow_read_write();
  } else if (region->readable) {
    direct.allow_read();
  } else if (region->writable) {
    direct.allow_write();
  }
  return true;
}

}  // namespace backboard
