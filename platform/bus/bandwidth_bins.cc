#include "platform/bus/bandwidth_bins.h"

#include <fmt/format.h>

namespace backboard {

std::string BandwidthBins::csv() const {
  std::string text = "start_ps,width_ps";
  const unsigned columns = kOwnInitiators + generators_;
  for (unsigned i = 0; i < columns; ++i) text += fmt::format(",{}_bytes", name_of(static_cast<Initiator>(i)));
  text += "\n";
  for (size_t bin = 0; bin < bins_.bins().size(); ++bin) {
    text += fmt::format("{},{}", bin * width_ps(), width_ps());
    for (unsigned i = 0; i < columns; ++i) text += fmt::format(",{}", bins_.bins()[bin][i]);
    text += "\n";
  }
  return text;
}

}  // namespace backboard
