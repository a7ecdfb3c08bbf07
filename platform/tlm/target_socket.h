// Gives a BusTarget a TLM socket.
#pragma once

#include <tlm_utils/simple_target_socket.h>
#include <systemc>

#include "platform/bus/access.h"
#include "platform/bus/port_counters.h"
#include "platform/state/archive.h"

namespace backboard {

/// The adapter from TLM to a model: b_transport (never waits), direct memory and debug transport. Refuses what the
/// models do not know: byte enables, streaming, commands other than read and write. Counts what the target answered.
class TargetSocket final : public sc_core::sc_module, public Saved {
 public:
  TargetSocket(const sc_core::sc_module_name& name, BusTarget& target);

  tlm_utils::simple_target_socket<TargetSocket> socket;

  const PortCounters& counters() const { return counters_; }
  void state(StateArchive& archive) override { archive.value("counters", counters_); }

 private:
  void b_transport(tlm::tlm_generic_payload& payload, sc_core::sc_time& delay);
  unsigned transport_dbg(tlm::tlm_generic_payload& payload);
  bool get_direct_mem_ptr(tlm::tlm_generic_payload& payload, tlm::tlm_dmi& direct);

  BusTarget& target_;
  PortCounters counters_;
};

}  // namespace backboard
