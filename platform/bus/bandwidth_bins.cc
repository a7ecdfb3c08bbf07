#include "platform/bus/bandwidth_bins.h"

#include <fmt/format.h>

namespace backboard {

std::string BandwidthBins::csv() const {
  std::string text = "start_ps,width_ps";
  for (unsigned i = 0; i < kInitiators; ++i) text += fmt::format(",{}_bytes", name_of(static_cast<Initiator>(i)));
  text += "\n";
  for (size_t bin = 0; bin < bins_.bins().size(); ++bin) {
    text += fmt::format("{},{}", bin * width_ps(), width_ps());
    for (const uint64_t bytes : bins_.bins()[bin]) text += fmt::format(",{}", bytes);
    text += "\n";
  }
  return text;
}

}  // namespace backboard
