// What Backboard adds to a generic payload, and the pool that payloads come from.
#pragma once

#include <memory>
#include <tlm>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/request.h"

namespace backboard {

/// Whose a transaction is, and what else a request says (platform/bus/request.h), carried with it. `tag` is the one by
/// which the two ends of a socket know a request: a router puts its own in its place on the way, and puts it back.
struct AttributionExtension final : tlm::tlm_extension<AttributionExtension> {
  tlm::tlm_extension_base* clone() const override { return new AttributionExtension(*this); }
  void copy_from(const tlm::tlm_extension_base& other) override {
    *this = static_cast<const AttributionExtension&>(other);
  }
  Attribution who;
  RequestTag tag = 0;
  uint8_t master = 0;
  uint64_t deadline_ps = kNoDeadline;
};

/// TLM's status for a response of the silicon: decode ADDRESS_ERROR, denied COMMAND_ERROR, target GENERIC_ERROR.
inline tlm::tlm_response_status status_of(BusResponse response) {
  switch (response) {
    case BusResponse::ok:
      return tlm::TLM_OK_RESPONSE;
    case BusResponse::decode:
      return tlm::TLM_ADDRESS_ERROR_RESPONSE;
    case BusResponse::denied:
      return tlm::TLM_COMMAND_ERROR_RESPONSE;
    case BusResponse::target:
      return tlm::TLM_GENERIC_ERROR_RESPONSE;
  }
  return tlm::TLM_GENERIC_ERROR_RESPONSE;
}
/// The inverse; every other error status of a foreign model is `target`.
inline BusResponse response_of(tlm::tlm_response_status status) {
  if (status == tlm::TLM_OK_RESPONSE) [[likely]]
    return BusResponse::ok;
  if (status == tlm::TLM_ADDRESS_ERROR_RESPONSE) return BusResponse::decode;
  return status == tlm::TLM_COMMAND_ERROR_RESPONSE ? BusResponse::denied : BusResponse::target;
}

/// Reference-counted payloads, each with its attribution attached for good. A payload returns to the pool when its
/// last user releases it: what nb_transport needs. Payloads never shrink in number; a master has few in flight.
class PayloadPool final : public tlm::tlm_mm_interface {
 public:
  PayloadPool() = default;
  ~PayloadPool() override;
  PayloadPool(const PayloadPool&) = delete;
  PayloadPool& operator=(const PayloadPool&) = delete;

  /// A payload with reference count 1.
  tlm::tlm_generic_payload& acquire() {
    if (free_.empty()) [[unlikely]]
      grow();
    tlm::tlm_generic_payload& payload = *free_.back();
    free_.pop_back();
    payload.acquire();
    return payload;
  }
  void free(tlm::tlm_generic_payload* payload) override { free_.push_back(payload); }
  size_t created() const { return all_.size(); }

 private:
  void grow();

  std::vector<std::unique_ptr<tlm::tlm_generic_payload>> all_;
  std::vector<tlm::tlm_generic_payload*> free_;
};

}  // namespace backboard
