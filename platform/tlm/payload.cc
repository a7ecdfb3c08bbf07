#include "platform/tlm/payload.h"

namespace backboard {

tlm::tlm_response_status status_of(BusResponse response) {
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

BusResponse response_of(tlm::tlm_response_status status) {
  switch (status) {
    case tlm::TLM_OK_RESPONSE:
      return BusResponse::ok;
    case tlm::TLM_ADDRESS_ERROR_RESPONSE:
      return BusResponse::decode;
    case tlm::TLM_COMMAND_ERROR_RESPONSE:
      return BusResponse::denied;
    default:
      return BusResponse::target;
  }
}

PayloadPool::~PayloadPool() = default;

tlm::tlm_generic_payload& PayloadPool::acquire() {
  if (free_.empty()) {
    all_.push_back(std::make_unique<tlm::tlm_generic_payload>(this));
    all_.back()->set_extension(new AttributionExtension);  // deleted with the payload
    free_.push_back(all_.back().get());
  }
  tlm::tlm_generic_payload& payload = *free_.back();
  free_.pop_back();
  payload.acquire();
  return payload;
}

}  // namespace backboard
