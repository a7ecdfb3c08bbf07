// PLIC: collects the devices' interrupt wires for the core, layout of QEMU's virt machine.
#pragma once

#include <array>
#include <cstdint>

#include "platform/bus/access.h"
#include "platform/config/fields.h"
#include "platform/findings/finding.h"
#include "platform/regs/reg_bank.h"
#include "platform/state/archive.h"

namespace backboard {

struct PlicConfig {
  bool supervisor_context = false;  ///< context 1 answers and drives its wire
  template <class V>
  void fields(V& v) {
    v("supervisor_context", supervisor_context, "Context 1, supervisor mode of hart 0, exists");
  }
};

/// The interrupt controller. Source: RISC-V PLIC specification 1.0. All sources are level-sensitive: the gateway
/// forwards a request when its wire is high and no request of it is pending or claimed; completion re-arms it. A
/// request that was forwarded stays pending when the wire falls (section 1.3 of the specification).
/// It has no time of its own: outputs follow at once.
class Plic final : public BusTarget, public IrqSink, public Saved {
 public:
  static constexpr uint32_t kSources = 96;  ///< source 0 does not exist
  static constexpr uint32_t kContexts = 2;

  /// Context c drives line `lines[c]` of `pins`.
  Plic(const PlicConfig& config, IrqSink& pins, std::array<uint32_t, kContexts> lines, FindingSink& findings);

  /// The wire of a source, 1 to 95.
  void set_level(uint32_t line, bool level) override;
  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void state(StateArchive& archive) override;

  /// The board is reset: registers as after power-on. A source whose wire is high becomes pending again.
  void reset();

 private:
  using Bits = std::array<uint32_t, kSources / 32>;
  static bool test(const Bits& bits, uint32_t source) { return (bits[source / 32] >> (source % 32)) & 1; }
  static void assign(Bits& bits, uint32_t source, bool value) {
    const uint32_t mask = 1u << (source % 32);
    bits[source / 32] = value ? bits[source / 32] | mask : bits[source / 32] & ~mask;
  }

  void wire_context(uint32_t context);
  uint32_t best(uint32_t context) const;
  bool interrupts(uint32_t context) const;
  void claim(uint32_t context);
  void complete(uint32_t context, uint32_t source);
  void forward(uint32_t source);
  void update();

  PlicConfig config_;
  IrqSink& pins_;
  std::array<uint32_t, kContexts> lines_;
  FindingSink& findings_;
  RegBank bank_;
  BusAccess* access_ = nullptr;  ///< being served, for findings; not state
  Bits wires_{}, pending_{}, claimed_{};
  std::array<bool, kContexts> outputs_{};
};

}  // namespace backboard
