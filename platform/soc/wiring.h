// The TLM side of the board: ports of the masters, router, sockets of the targets, and the kernel's wake-up.
#pragma once

#include <memory>
#include <string>
#include <systemc>
#include <vector>

#include "platform/bus/router.h"
#include "platform/soc/board_config.h"
#include "platform/tlm/master_port.h"
#include "platform/tlm/queue_kernel.h"
#include "platform/tlm/target_socket.h"

namespace backboard {

/// A model and where it answers.
struct PlacedTarget {
  Place place;
  BusTarget* target;
  RequestPort* requests = nullptr;  ///< `timing: at`, where the model takes requests
  BurstPort* bursts = nullptr;      ///< `timing: lt`, where the model takes runs of bursts
};

/// The ports exist before the models, which need them; the targets are attached after.
class Wiring final : public sc_core::sc_module, public Saved {
 public:
  /// `generators`: masters of traffic behind the SoC's own.
  Wiring(const sc_core::sc_module_name& name, EventQueue& queue, size_t generators);

  BusPort& port(BusMaster master) { return *ports_[static_cast<size_t>(master)]; }
  MasterPort& master(BusMaster master) { return *ports_[static_cast<size_t>(master)]; }

  /// Builds the router with one socket for each target and binds everything. Once. With `timing: at` requests are
  /// carried too.
  void attach(const BoardConfig& config, const std::vector<PlacedTarget>& targets, FindingSink& findings);

  Router& router() { return *router_; }
  const Router& router() const { return *router_; }
  QueueKernel& kernel() { return *kernel_; }
  /// Index of a place among the targets, AddressMap::kNobody when the board has none there.
  uint32_t index_of(Place place) const;

  /// Bytes and transactions at the masters equal those at the router, and those at the router equal those at the
  /// targets. Nothing when that holds, else a sentence with the first difference.
  std::optional<std::string> conservation_error() const;

  /// Requests in flight are restored after the models that made them and those that serve them.
  void state(StateArchive& archive) override;

 private:
  EventQueue& queue_;
  std::vector<std::unique_ptr<MasterPort>> ports_;  ///< by BusMaster
  std::unique_ptr<QueueKernel> kernel_;
  std::unique_ptr<Router> router_;
  std::vector<std::unique_ptr<TargetSocket>> sockets_;
  std::vector<Place> places_;
};

}  // namespace backboard
