// On-chip SRAM: every access takes one constant.
#pragma once

#include "platform/bus/access.h"
#include "platform/config/fields.h"
#include "platform/memory/backing_store.h"

namespace backboard {

struct SramConfig {
  uint64_t latency_ps = 5'000;  ///< one cycle of 200 MHz
  template <class V>
  void fields(V& v) {
    v("latency", latency_ps, Picoseconds{0, 1'000'000}, "Time of one access");
  }
};

/// SRAM of the size of its place in the memory map. Reads as zero after power-on.
class Sram final : public BusTarget, public Saved {
 public:
  Sram(const SramConfig& config, uint64_t size_bytes) : config_(config), store_("sram", size_bytes) {}

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  std::optional<DirectRegion> direct(uint64_t address) override;
  void state(StateArchive& archive) override { store_.state(archive); }

 private:
  SramConfig config_;
  BackingStore store_;
};

}  // namespace backboard
