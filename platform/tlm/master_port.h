// Gives a model that is a bus master its TLM socket.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <functional>
#include <systemc>

#include "platform/bus/access.h"
#include "platform/bus/burst_run.h"
#include "platform/bus/device_lane.h"
#include "platform/bus/port_counters.h"
#include "platform/state/archive.h"
#include "platform/tlm/payload.h"

namespace backboard {

/// The adapter from a model to TLM: accesses go by b_transport, requests by the four phases of nb_transport. A request
/// waits for END_REQ where the bus does not give it at once; a response ends with the return of BEGIN_RESP. Payloads
/// are pooled and reference-counted. Counts what was asked, by initiator.
class MasterPort final : public sc_core::sc_module,
                         public BusPort,
                         public BurstPort,
                         public BusLanes,
                         public RequestPort,
                         public Saved {
 public:
  explicit MasterPort(const sc_core::sc_module_name& name);

  tlm_utils::simple_initiator_socket<MasterPort> socket;

  /// `access.time_ps` must not lie before the kernel's time; `delay_ps` is added to on return.
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t address) override;
  /// From now on accesses that are no debug accesses go through `lane`, which stands for what the socket is bound to:
  /// the same times, responses and counters without a payload.
  void shorten(BusPort& lane, BurstPort* bursts = nullptr) {
    lane_ = &lane;
    bursts_ = bursts;
  }
  /// Runs go by the lane alone.
  BurstTotals carry(const BurstRuns& runs, BurstPacer& pacer) override;
  /// From now on `device_lane` and `memory_lane` give those of `lanes`, which count at this port too.
  void take_lanes(BusLanes& lanes) { lanes_ = &lanes; }
  DeviceLane* device_lane(uint64_t address) override {
    return lanes_ != nullptr ? lanes_->device_lane(address) : nullptr;
  }
  MemoryLane* memory_lane(uint64_t address) override {
    return lanes_ != nullptr ? lanes_->memory_lane(address) : nullptr;
  }

  uint64_t submit(const BusRequest& request) override;
  void set_client(RequestClient& client) override { client_ = &client; }
  /// Calls `visit(tag, payload)` for every request in flight: whoever holds their payloads is told them anew when a
  /// board was restored.
  template <class Visit>
  void for_each_in_flight(Visit visit) {
    for (size_t tag = 0; tag < in_flight_.size(); ++tag) {
      if (in_flight_[tag] != nullptr) visit(static_cast<RequestTag>(tag), *in_flight_[tag]);
    }
  }

  /// Called when the bus takes direct regions back.
  void on_invalidate(std::function<void(uint64_t first, uint64_t last)> callback) { invalidate_ = std::move(callback); }

  const PortCounters& counters() const { return counters_; }
  PortCounters& counters() { return counters_; }
  /// The client is restored before: it says where the bytes of its requests are.
  void state(StateArchive& archive) override;

 private:
  void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) {
    if (invalidate_) invalidate_(first, last);
  }

  tlm::tlm_sync_enum nb_transport_bw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);
  void fill(tlm::tlm_generic_payload& payload, const BusRequest& request);

  PayloadPool pool_;
  BusPort* lane_ = nullptr;
  BurstPort* bursts_ = nullptr;
  BusLanes* lanes_ = nullptr;
  RequestClient* client_ = nullptr;
  std::vector<tlm::tlm_generic_payload*> in_flight_;           ///< by tag
  tlm::tlm_generic_payload* waits_for_end_request_ = nullptr;  ///< its END_REQ has not come
  std::function<void(uint64_t, uint64_t)> invalidate_;
  PortCounters counters_;
};

}  // namespace backboard
