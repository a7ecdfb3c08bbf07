// The NPU as the bus sees it: registers (drivers/npu/npu.def), command rings, interrupt.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "npu/device/command_observer.h"
#include "npu/device/npu_config.h"
#include "npu/device/ring_arbiter.h"
#include "npu/engine/cost.h"
#include "npu/engine/facts.h"
#include "npu/sequencer/sequencer.h"
#include "platform/bus/access.h"
#include "platform/bus/burst_run.h"
#include "platform/bus/request.h"
#include "platform/events/event_queue.h"
#include "platform/findings/finding.h"
#include "platform/state/archive.h"

namespace backboard::npu {

/// What one of the command rings did.
struct RingTotals {
  uint64_t commands = 0;
  uint64_t busy_cycles = 0;
  uint64_t wait_cycles = 0;  ///< a command waited for the other ring
};

/// What the NPU did since the board was built; the reports read it. Unlike the performance counters, which firmware
/// may clear, these only grow.
struct NpuTotals {
  uint64_t commands = 0;
  uint64_t macs = 0;  ///< skipped ones included
  uint64_t macs_skipped = 0;
  uint64_t busy_cycles = 0;
  uint64_t compute_cycles = 0;
  uint64_t load_stall_cycles = 0;
  uint64_t read_bytes = 0;
  uint64_t write_bytes = 0;
  uint64_t saturated = 0;
  uint64_t nonfinite = 0;
  Facts facts;                          ///< of all compute steps
  CyclesByUnit cycles;                  ///< of the units, which work side by side
  uint64_t buffer_peak_bytes = 0;       ///< most of the local buffer that a command or group used
  uint64_t map_peak_bytes = 0;          ///< most of it for feature maps, or rows, between the commands of a group
  EnergyByCause energy;                 ///< of the NPU itself, without DRAM
  std::array<Price, kPhases> by_phase;  ///< cycles and energy by Phase of the command
  std::array<RingTotals, kRings> rings;
  uint64_t interrupts = 0;  ///< rising edges of the interrupt wire
  uint64_t errors = 0;
  std::array<ElementTally, kTensorClasses> produced;  ///< by TensorClass of the output
};

/// Register file, rings and error handling over the sequencer. Registers are answered at once; everything that takes
/// time is an event of the queue. State lies in members: it can be saved between any two events, in the middle of a
/// command too.
class NpuDevice final : public BusTarget, public Saved {
 public:
  /// `port`: the NPU's way into the bus (initiator `npu`). `irq`, `irq_line`: level-sensitive interrupt, high while
  /// an enabled bit of NPU_IRQ_STATUS is set. `findings` takes mistakes in register accesses, addresses relative to the
  /// block; `ring_findings` commands that failed, with the absolute address that NPU_ERROR_ADDRESS shows. Throws
  /// InputError for an unknown engine.
  NpuDevice(const NpuConfig& config, EventQueue& queue, BusPort& port, IrqSink& irq, uint32_t irq_line,
            FindingSink& findings, FindingSink& ring_findings);
  /// The same around an engine that is in no table; `config.engine` is not read.
  NpuDevice(std::unique_ptr<Engine> engine, const NpuConfig& config, EventQueue& queue, BusPort& port, IrqSink& irq,
            uint32_t irq_line, FindingSink& findings, FindingSink& ring_findings);
  ~NpuDevice() override;

  /// `timing: at`: the NPU's bursts are requests to `port`. Before anything runs.
  void use_requests(RequestPort& port);
  /// `timing: lt`: bursts next to each other go to `port` as runs. Before anything runs.
  void use_bursts(BurstPort& port);

  BusResponse access(BusAccess& access, uint64_t& delay_ps) override;
  void state(StateArchive& archive) override;
  void drain() override;

  /// The board is reset: everything that firmware can see is as after power-on. Transfers that run are forgotten.
  void reset();

  NpuTotals totals() const;
  /// Dynamic energy over time, in picojoules.
  const TimeBins<double, 1>& energy_over_time() const;

  /// `observer` is told of each completed command from now on; null: nobody. It must outlive the device.
  void observe_commands(CommandObserver* observer);

 private:
  class Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace backboard::npu
