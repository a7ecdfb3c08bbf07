#include "platform/tlm/payload.h"

namespace backboard {

PayloadPool::~PayloadPool() = default;

void PayloadPool::grow() {
  all_.push_back(std::make_unique<tlm::tlm_generic_payload>(this));
  all_.back()->set_extension(new AttributionExtension);  // deleted with the payload
  free_.push_back(all_.back().get());
}

}  // namespace backboard
