// The bus: routes every transaction from its master to the target at its address.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <tlm_utils/simple_target_socket.h>
#include <array>
#include <functional>
#include <memory>
#include <systemc>
#include <vector>

#include "platform/bus/address_map.h"
#include "platform/bus/burst_run.h"
#include "platform/bus/device_lane.h"
#include "platform/bus/memory_lane.h"
#include "platform/bus/port_counters.h"
#include "platform/bus/request_bus.h"
#include "platform/bus/router_config.h"
#include "platform/findings/finding.h"
#include "platform/state/archive.h"
#include "platform/stats/command_traffic.h"
#include "platform/stats/stats_writer.h"
#include "platform/stats/traffic_table.h"
#include "platform/tlm/payload.h"
#include "platform/tlm/target_socket.h"

namespace backboard {

/// What the bus refused to a master.
struct RefusedCounters {
  uint64_t decode = 0;  ///< transactions to where nothing answers
  uint64_t denied = 0;  ///< transactions outside the master's windows
  uint64_t bytes = 0;   ///< of both
};

/// A router with one socket for each master, generators of traffic included, and each target.
///
/// Requests (`timing: at`) go by nb_transport through a RequestBus, which arbitrates, to the targets that take them;
/// the router keeps the payload of each by master and tag.
///
/// Time (`timing: lt`): a transaction waits until its master's channel for its direction is free, takes `latency`
/// cycles, and occupies the channel for one cycle per `width` bytes. Data are passed on as they come: the target sees
/// a write when its first beat arrives, and a read ends one cycle after the target's last byte, at the earliest when
/// all beats have passed. Between masters nothing is arbitrated here; they meet in the DRAM.
class Router final : public sc_core::sc_module, public RequestRoutes, public Saved, public HasStats {
 public:
  /// `targets` are in the order of their sockets. `traffic_target`: index of the target whose traffic is told apart by
  /// owner (the DRAM).
  Router(const sc_core::sc_module_name& name, const RouterConfig& config, std::vector<AddressRange> targets,
         uint32_t traffic_target, FindingSink& findings);

  ~Router() override;

  /// From now on requests are carried too. `behind[i]`: what takes those of target i, by nb_transport; null where only
  /// accesses are taken. Its lanes are asked for, nothing is submitted to it here. Before the sockets are
  /// bound.
  void carry_requests(EventQueue& queue, const std::vector<const RequestPort*>& behind);
  /// Null unless requests are carried.
  RequestBus* requests() { return request_bus_.get(); }
  const RequestBus* requests() const { return request_bus_.get(); }
  /// The payload of a request that was in flight when the board was saved. Gives the target that has it, or kNobody.
  uint32_t adopt(BusMaster master, RequestTag tag, tlm::tlm_generic_payload& payload);

  tlm_utils::simple_target_socket_tagged<Router>& master_socket(BusMaster master);
  tlm_utils::simple_initiator_socket_tagged<Router>& target_socket(uint32_t target);

  /// A master's way through the router without payloads and sockets, as b_transport carries an access: no debug
  /// accesses, no direct regions. Only to targets that were given by `shorten`.
  BusPort& lane(BusMaster master) { return lanes_[static_cast<size_t>(master)]; }
  /// The same way for runs, to targets that take them.
  BurstPort& burst_lane(BusMaster master) { return lanes_[static_cast<size_t>(master)]; }
  /// The lanes of the core, whose port counts at `port`.
  BusLanes& core_lanes(PortCounters& port) {
    Lane& lane = lanes_[static_cast<size_t>(BusMaster::core)];
    lane.port = &port;
    return lane;
  }
  /// `socket` is what target_socket(target) is bound to.
  void shorten(uint32_t target, TargetSocket& socket) { shortened_[target] = &socket; }

  /// Calls `callback` after each write that touches [first, last] and was carried out. One watch at a time.
  using WriteWatch = std::function<void(uint64_t address, const uint8_t* data, uint32_t size)>;
  void watch_writes(uint64_t first, uint64_t last, WriteWatch callback);

  /// Calls `callback` after each access to memory by another master than the core that was carried out.
  using Snoop = std::function<void(BusOp op, uint64_t address, uint64_t size, Initiator initiator)>;
  void on_foreign_access(Snoop callback) { snoop_ = std::move(callback); }

  const AddressMap& map() const { return map_; }
  size_t masters() const { return masters_.size(); }
  const PortCounters& counters(BusMaster master, uint32_t target) const {
    return counters_[static_cast<size_t>(master)][target];
  }
  const RefusedCounters& refused(BusMaster master) const { return refused_[static_cast<size_t>(master)]; }
  const TrafficTable& traffic() const { return traffic_; }
  /// Null unless `bus.command_traffic` asks for it.
  const CommandTraffic* command_traffic() const { return command_traffic_.get(); }

  void state(StateArchive& archive) override;
  void stats(const StatsWriter& writer) const override;

  Route route(const BusRequest& request) override;
  void answered(const BusRequest& request, uint32_t target, BusResponse response, const uint8_t* data) override;
  BusResponse access(uint32_t target, BusAccess& access, uint64_t& delay_ps) override;
  void starved(const BusRequest& request, uint64_t waited_ps) override;

 private:
  class MasterSide;
  class TargetSide;

  tlm::tlm_sync_enum nb_transport_fw(int master, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay);
  tlm::tlm_sync_enum nb_transport_bw(int target, tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase,
                                     sc_core::sc_time& delay);
  /// An access on its way, from wherever it came. `address` is absolute; `who` may be null.
  struct Crossing {
    size_t master;
    BusOp op;
    uint64_t address;
    uint32_t size;
    const uint8_t* data;
    const Attribution* who;
  };
  template <class Forward>
  BusResponse cross(const Crossing& crossing, uint32_t target, uint64_t offered_ps, uint64_t& end_ps, Forward forward);
  class RunPacer;
  struct Lane final : BusPort, BurstPort, BusLanes {
    Router* router = nullptr;
    size_t master = 0;
    /// The target that was found last, and its place: who polls asks for the same.
    uint64_t first = 1, last = 0;
    uint32_t target = 0;
    TargetSocket* socket = nullptr;
    PortCounters* port = nullptr;  ///< of the master, where it has lanes
    void look_up(uint64_t address, uint64_t size);
    BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
    BurstTotals carry(const BurstRuns& runs, BurstPacer& pacer) override;
    /// Whether all runs go where one target answers, and may.
    bool reaches(const BurstRuns& runs);
    std::optional<DirectRegion> direct(uint64_t) override { return std::nullopt; }
    DeviceLane* device_lane(uint64_t address) override;
    MemoryLane* memory_lane(uint64_t address) override;
  };

  void b_transport(int master, tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_dbg(int master, tlm::tlm_generic_payload& payload);
  bool get_direct_mem_ptr(int master, tlm::tlm_generic_payload& payload, tlm::tlm_dmi& direct);
  void invalidate_direct_mem_ptr(int target, sc_dt::uint64 first, sc_dt::uint64 last);
  void refuse(size_t master, BusOp op, uint64_t address, uint64_t size, Initiator initiator, uint64_t time_ps,
              bool denied);
  void record(const Attribution& who, BusOp op, uint64_t bytes, uint64_t transactions = 1) {
    traffic_.record(who, op, bytes, transactions);
    if (command_traffic_) command_traffic_->record(who, op, bytes);
  }
  void state_requests(StateArchive& archive);
  uint32_t find(size_t master, uint64_t address, uint64_t size) {
    uint32_t& hint = last_target_[master];
    if (map_.holds(hint, address, size)) return hint;
    const uint32_t found = map_.find(address, size);
    if (found != AddressMap::kNobody) hint = found;
    return found;
  }
  void tell_of(const BurstRuns& runs, size_t master);
  bool watches(uint64_t address, uint64_t size) const { return watched_.meet(address, size); }
  uint64_t beats_ps(uint64_t size) const;

  RouterConfig config_;
  AddressMap map_;
  uint32_t traffic_target_;
  FindingSink& findings_;
  uint64_t latency_ps_, beat_ps_;
  unsigned width_log2_;
  bool whole_beat_;  ///< a cycle is a whole number of picoseconds

  std::vector<std::unique_ptr<tlm_utils::simple_target_socket_tagged<Router>>> masters_;
  std::vector<std::unique_ptr<tlm_utils::simple_initiator_socket_tagged<Router>>> targets_;
  std::array<Lane, kMostBusMasters> lanes_;
  std::vector<TargetSocket*> shortened_;  ///< by target
  std::vector<DeviceLane> device_lanes_;  ///< of the core, by target; empty ones are made when they are asked for
  std::vector<std::shared_ptr<MemoryLane>> memory_lanes_;
  std::array<AccessWindows, kMostBusMasters> windows_;
  std::array<uint32_t, kMostBusMasters> last_target_{};  ///< found last; a hint, not state
  WatchedBytes watched_;                                 ///< by `watch_`
  WriteWatch watch_;
  Snoop snoop_;

  std::array<std::array<uint64_t, 2>, kMostBusMasters> channel_free_ps_{};  ///< by direction
  std::array<std::vector<PortCounters>, kMostBusMasters> counters_;
  std::array<RefusedCounters, kMostBusMasters> refused_{};
  TrafficTable traffic_;
  std::unique_ptr<CommandTraffic> command_traffic_;

  EventQueue* queue_ = nullptr;
  std::vector<std::shared_ptr<MasterSide>> master_sides_;  ///< by master
  std::vector<std::shared_ptr<TargetSide>> target_sides_;  ///< by target; null: takes no requests
  std::unique_ptr<RequestBus> request_bus_;
  PayloadPool pool_;  ///< for requests to targets that take none
};

}  // namespace backboard
