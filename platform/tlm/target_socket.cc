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

TargetSocket::TargetSocket(const sc_core::sc_module_name& name, BusTarget& target)
    : sc_module(name), socket("socket"), target_(target) {
  check_resolution();
  socket.register_b_transport(this, &TargetSocket::b_transport);
  socket.register_transport_dbg(this, &TargetSocket::transport_dbg);
  socket.register_get_direct_mem_ptr(this, &TargetSocket::get_direct_mem_ptr);
}

void TargetSocket::b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay) {
  if (!understood(payload)) return;
  BusAccess access = access_of(payload);
  access.time_ps = kernel_time_ps() + delay.value();
  uint64_t delay_ps = 0;
  const BusResponse response = target_.access(access, delay_ps);
  counters_.count(access.op, access.size, response);
  delay += time_of_ps(delay_ps);
  payload.set_response_status(status_of(response));
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
