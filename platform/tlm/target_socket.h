// Gives a BusTarget a TLM socket.
#pragma once

#include <tlm_utils/simple_target_socket.h>
#include <systemc>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/burst_run.h"
#include "platform/bus/port_counters.h"
#include "platform/bus/request.h"
#include "platform/state/archive.h"

namespace backboard {

/// The adapter from TLM to a model: b_transport (never waits), direct memory and debug transport; requests by the four
/// phases of nb_transport where the model takes them. Refuses what the models do not know: byte enables, streaming,
/// commands other than read and write. Counts what the target answered.
class TargetSocket final : public sc_core::sc_module, public RequestClient, public BurstPort, public Saved {
 public:
  /// `requests` may be null: then nb_transport ends in an error response. `bursts`: where the target takes runs.
  TargetSocket(const sc_core::sc_module_name& name, BusTarget& target, RequestPort* requests = nullptr,
               BurstPort* bursts = nullptr);

  tlm_utils::simple_target_socket<TargetSocket> socket;

  /// An access as b_transport carries it out.
  BusResponse serve(BusAccess& access, uint64_t& delay_ps) {
    const BusResponse response = target_.access(access, delay_ps);
    counters_.count(access.op, access.size, response);
    return response;
  }

  BurstTotals carry(const BurstRuns& runs, BurstPacer& pacer) override {
    if (bursts_ == nullptr) return {};
    const BurstTotals totals = bursts_->carry(runs, pacer);
    counters_.count(runs.op, totals.bytes, BusResponse::ok, totals.bursts);
    return totals;
  }
  /// Whether the target is neither memory that offers direct regions nor takes requests.
  bool is_device() const { return requests_ == nullptr && !target_.direct(0); }
  BusTarget& target() { return target_; }

  const PortCounters& counters() const { return counters_; }
  PortCounters& counters() { return counters_; }
  void state(StateArchive& archive) override {
    archive.value("counters", counters_);
    archive.value("owes_end_request", owes_end_request_);
  }
  /// The payload of a request that was in flight when the board was saved; its extension has the target's tag.
  void adopt(tlm::tlm_generic_payload& payload);

  uint8_t* request_data(RequestTag tag) override { return in_flight_[tag]->get_data_ptr(); }
  void on_response(RequestTag tag, BusResponse response, uint64_t time_ps) override;
  void on_ready(uint64_t time_ps) override;

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_dbg(tlm::tlm_generic_payload& payload);
  bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& direct);

  tlm::tlm_sync_enum nb_transport_fw(tlm::tlm_generic_payload& payload, tlm::tlm_phase& phase, sc_core::sc_time& delay);

  BusTarget& target_;
  RequestPort* requests_;
  BurstPort* bursts_;
  std::vector<tlm::tlm_generic_payload*> in_flight_;  ///< by tag
  tlm::tlm_generic_payload* submitting_ = nullptr;    ///< within nb_transport_fw
  uint64_t completed_ps_ = 0;                         ///< the answer to it came at once
  static constexpr uint32_t kNone = UINT32_MAX;
  uint32_t owes_end_request_ = kNone;  ///< tag of the request whose END_REQ follows with `on_ready`
  PortCounters counters_;
};

}  // namespace backboard
