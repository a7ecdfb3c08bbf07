// Traffic generators on the board: their ports, their memory, and what it means when nothing else is left.
#include "platform/soc/board_impl.h"

namespace backboard {
namespace {

constexpr uint64_t kStuckAfter = 10;  ///< times bus.starvation

}  // namespace

void Board::Impl::add_traffic() {
  dram.set_generators(static_cast<unsigned>(config.traffic.size()));
  for (size_t i = 0; i < config.traffic.size(); ++i) {
    RequestPort* port = &wiring.master(traffic_master(i));
    if (config.timing == TimingLevel::lt) {
      traffic_ports.push_back(
          std::make_unique<AccessRequests>(wiring.port(traffic_master(i)), queue, config.traffic[i].outstanding));
      port = traffic_ports.back().get();
    }
    traffic.push_back(std::make_unique<TrafficGenerator>(config.traffic[i], i, queue, *port, log));
    traffic.back()->on_step([this] {
      if (only_traffic_goes_on()) wiring.kernel().stop();
    });
  }
  for (const auto& port : traffic_ports) quiet_clients.push_back(port->event_client());
  for (const auto& generator : traffic) quiet_clients.push_back(generator->event_client());
  if (const RequestBus* bus = wiring.router().requests()) quiet_clients.push_back(bus->event_client());
  if (dram.requests() != nullptr) quiet_clients.push_back(dram.requests()->event_client());
}

/// Whoever has something to do will raise no interrupt and answer the core nothing: without generators, nothing would
/// be scheduled.
bool Board::Impl::only_traffic_goes_on() const {
  if (traffic.empty() || !queue.only_of(quiet_clients)) return false;
  const RequestBus* bus = wiring.router().requests();
  // One that waits as long as that is not answered any more, unless the generators starve it: then that is a finding.
  const BusRequest* waits = bus == nullptr ? nullptr : bus->oldest(kBusMasters);
  return waits == nullptr || queue.now_ps() - waits->time_ps >= kStuckAfter * config.bus.starvation_ps;
}

/// The generator whose memory shares bytes with [first, last], nullptr if none does.
const TrafficConfig* Board::Impl::traffic_in(uint64_t first, uint64_t last) const {
  for (const TrafficConfig& generator : config.traffic) {
    if (first <= generator.last() && generator.base <= last) return &generator;
  }
  return nullptr;
}

}  // namespace backboard
