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
}

BusResponse MasterPort::access(BusAccess& access, uint64_t& delay_ps) {
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
