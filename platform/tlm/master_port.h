// Gives a model that is a bus master its TLM socket.
#pragma once

#include <tlm_utils/simple_initiator_socket.h>
#include <functional>
#include <systemc>

#include "platform/bus/access.h"
#include "platform/bus/port_counters.h"
#include "platform/state/archive.h"
#include "platform/tlm/payload.h"

namespace backboard {

/// The adapter from a model to TLM. Payloads are pooled and reference-counted. Counts what was asked by initiator.
class MasterPort final : public sc_core::sc_module, public BusPort, public Saved {
 public:
  explicit MasterPort(const sc_core::sc_module_name& name);

  tlm_utils::simple_initiator_socket<MasterPort> socket;

  /// `access.time_ps` must not lie before the kernel's time; `delay_ps` is added to on return.
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t address) override;

  /// Called when the bus takes direct regions back.
  void on_invalidate(std::function<void(uint64_t first, uint64_t last)> callback) { invalidate_ = std::move(callback); }

  const PortCounters& counters() const { return counters_; }
  void state(StateArchive& archive) override { archive.value("counters", counters_); }

 private:
  void invalidate_direct_mem_ptr(sc_dt::uint64 first, sc_dt::uint64 last) {
    if (invalidate_) invalidate_(first, last);
  }

  PayloadPool pool_;
  std::function<void(uint64_t, uint64_t)> invalidate_;
  PortCounters counters_;
};

}  // namespace backboard
