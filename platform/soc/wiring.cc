#include "platform/soc/wiring.h"

#include <fmt/format.h>

#include <algorithm>

namespace backboard {

Wiring::Wiring(const sc_core::sc_module_name& name, EventQueue& queue, size_t generators)
    : sc_module(name), queue_(queue) {
  for (size_t i = 0; i < kBusMasters + generators; ++i) {
    const std::string port_name = fmt::format("{}_port", name_of(static_cast<BusMaster>(i)));
    ports_.push_back(std::make_unique<MasterPort>(port_name.c_str()));
  }
  kernel_ = std::make_unique<QueueKernel>("kernel", queue);
}

void Wiring::attach(const BoardConfig& config, const std::vector<PlacedTarget>& targets, FindingSink& findings) {
  std::vector<AddressRange> ranges;
  for (const PlacedTarget& placed : targets) {
    const PlaceConfig& place = config.map[placed.place];
    ranges.push_back({name_of(placed.place), place.base, place.last()});
    places_.push_back(placed.place);
  }
  RouterConfig bus = config.bus;
  bus.generators = static_cast<uint32_t>(config.traffic.size());
  for (size_t i = 0; i < config.traffic.size(); ++i) {
    const TrafficConfig& generator = config.traffic[i];
    bus.masters.push_back({traffic_master(i), generator.outstanding, generator.weight, generator.priority});
  }
  router_ = std::make_unique<Router>("bus", bus, std::move(ranges), index_of(Place::kDRAM), findings);
  if (config.timing == TimingLevel::at) {
    std::vector<const RequestPort*> behind;
    for (const PlacedTarget& placed : targets) behind.push_back(placed.requests);
    router_->carry_requests(queue_, behind);
  }
  for (size_t i = 0; i < ports_.size(); ++i) {
    ports_[i]->socket.bind(router_->master_socket(static_cast<BusMaster>(i)));
  }
  // The core polls registers and brings lines, the NPU moves many bursts; payloads would take most of their time.
  MasterPort& core = *ports_[static_cast<size_t>(BusMaster::core)];
  core.shorten(router_->lane(BusMaster::core));
  core.take_lanes(router_->core_lanes(core.counters()));
  ports_[static_cast<size_t>(BusMaster::npu)]->shorten(router_->lane(BusMaster::npu),
                                                       &router_->burst_lane(BusMaster::npu));
  ports_[static_cast<size_t>(BusMaster::dma)]->shorten(router_->lane(BusMaster::dma));
  for (uint32_t i = 0; i < targets.size(); ++i) {
    sockets_.push_back(std::make_unique<TargetSocket>(name_of(targets[i].place), *targets[i].target,
                                                      targets[i].requests, targets[i].bursts));
    router_->target_socket(i).bind(sockets_[i]->socket);
    router_->shorten(i, *sockets_[i]);
  }
}

uint32_t Wiring::index_of(Place place) const {
  const auto found = std::find(places_.begin(), places_.end(), place);
  return found == places_.end() ? AddressMap::kNobody : static_cast<uint32_t>(found - places_.begin());
}

namespace {

std::optional<std::string> difference(const std::string& left, const PortCounters& a, const std::string& right,
                                      const PortCounters& b) {
  if (a == b) return std::nullopt;
  return fmt::format(
      "{} counted {} bytes read, {} written, {} reads, {} writes, {} refused; {} counted {}, {}, {}, {}, {}", left,
      a.read_bytes, a.write_bytes, a.reads, a.writes, a.refused, right, b.read_bytes, b.write_bytes, b.reads, b.writes,
      b.refused);
}

}  // namespace

std::optional<std::string> Wiring::conservation_error() const {
  for (size_t i = 0; i < ports_.size(); ++i) {
    const auto master = static_cast<BusMaster>(i);
    PortCounters routed;
    for (uint32_t target = 0; target < sockets_.size(); ++target) routed += router_->counters(master, target);
    routed.refused += router_->refused(master).decode + router_->refused(master).denied;
    routed.refused_bytes += router_->refused(master).bytes;
    if (auto error =
            difference(fmt::format("the port of {}", name_of(master)), ports_[i]->counters(), "the bus", routed)) {
      return error;
    }
  }
  // What a target has answered and the bus still carries when the run ends.
  const std::vector<RequestBus::InTransit> transit =
      router_->requests() != nullptr ? router_->requests()->in_transit() : std::vector<RequestBus::InTransit>();
  for (uint32_t target = 0; target < sockets_.size(); ++target) {
    PortCounters routed;
    for (size_t i = 0; i < ports_.size(); ++i) routed += router_->counters(static_cast<BusMaster>(i), target);
    const std::string name = name_of(places_[target]);
    for (const RequestBus::InTransit& t : transit) {
      if (t.target == target) routed.count(t.request.op, t.request.size, t.response);
    }
    if (auto error = difference("the bus", routed, name, sockets_[target]->counters())) return error;
  }
  return std::nullopt;
}

void Wiring::state(StateArchive& archive) {
  archive.section("wiring");
  for (auto& port : ports_) port->state(archive);
  for (auto& socket : sockets_) socket->state(archive);
  router_->state(archive);
  if (!archive.reading()) return;
  for (size_t i = 0; i < ports_.size(); ++i) {
    ports_[i]->for_each_in_flight([&](RequestTag tag, tlm::tlm_generic_payload& payload) {
      const uint32_t target = router_->adopt(static_cast<BusMaster>(i), tag, payload);
      if (target != AddressMap::kNobody) sockets_[target]->adopt(payload);
    });
  }
}

}  // namespace backboard
