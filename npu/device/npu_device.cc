#include "npu/device/npu_device.h"

#include <fmt/format.h>

#include <utility>

#include "npu/device/command_ring.h"
#include "npu/device/performance.h"
#include "npu/device/ring_arbiter.h"
#include "npu/device/ring_registers.h"
#include "npu/dma/dma.h"
#include "npu/engine/table.h"
#include "npu/sequencer/sequencer.h"
#include "platform/bus/serve_registers.h"
#include "platform/check/input_error.h"
#include "platform/regs/npu_regs.h"
#include "platform/regs/reg_bank.h"

namespace backboard::npu {
namespace {

using npu_regs::Field;
using npu_regs::Reg;

constexpr uint64_t kAccess_ps = 5000;  ///< one cycle of the register file at 200 MHz

std::unique_ptr<Engine> make_engine(const NpuConfig& config) {
  const EngineRow* row = find_engine(config.engine);
  if (row == nullptr) throw InputError("npu.engine: unknown engine '" + config.engine + "'");
  EngineConfigs engines = config.engines;
  engines.host_threads = config.host_threads;
  return row->make(engines);
}

uint32_t low(uint64_t value) {
  return static_cast<uint32_t>(value);
}
uint32_t high(uint64_t value) {
  return static_cast<uint32_t>(value >> 32);
}

}  // namespace

/// Registers and interrupt around the rings.
class NpuDevice::Impl final : public RingClient {
 public:
  Impl(std::unique_ptr<Engine> engine, const NpuConfig& config, EventQueue& queue, BusPort& port, IrqSink& irq,
       uint32_t irq_line, FindingSink& findings, FindingSink& ring_findings);

  BusResponse access(BusAccess& access, uint64_t& delay_ps);
  void state(StateArchive& archive);
  void reset();
  NpuTotals totals() const;
  const TimeBins<double, 1>& energy_over_time() const { return sequencer_.energy_over_time(); }
  void use_requests(RequestPort& port) { dma_.use_requests(port); }
  void use_bursts(BurstPort& port) { dma_.use_bursts(port); }
  void observe_commands(CommandObserver* observer) {
    for (CommandRing& ring : rings_) ring.set_observer(observer);
  }

  void on_fence(unsigned ring, uint32_t value, bool interrupt) override;
  void on_error(unsigned ring, const RingError& error) override;

 private:
  void publish_capabilities();
  void hook_interrupts();
  void hook_ring(CommandRing& ring, const RingRegisters& regs);
  void hook_windows();
  void hook_performance();
  void counter(Reg low_half, Reg high_half, unsigned number);
  void write_control(CommandRing& ring, const RingRegisters& regs, const RegisterWrite& write);
  void soft_reset();
  void reset_ring(CommandRing& ring);
  void configure_rings();
  void update_windows();
  void update_irq();
  /// The register access that is being carried out was a mistake.
  void report(Reg reg, std::string reason) {
    const std::string name(npu_regs::kRegisters[static_cast<size_t>(reg)].name);
    findings_.report(finding_of("npu", name.c_str(), *access_, std::move(reason)));
  }
  /// A register that is written only while its ring is disabled: the write is undone otherwise.
  void only_while_disabled(Reg reg, Field enable);

  NpuConfig config_;
  EventQueue& queue_;
  IrqSink& irq_;
  uint32_t irq_line_;
  FindingSink& findings_;
  FindingSink& ring_findings_;
  std::unique_ptr<Engine> engine_;
  RegBank bank_;
  Dma dma_;
  Sequencer sequencer_;
  RingArbiter arbiter_;
  std::array<CommandRing, kRings> rings_;
  Performance performance_;
  bool irq_level_ = false;
  uint64_t interrupts_ = 0;
  uint64_t errors_ = 0;
  const BusAccess* access_ = nullptr;  ///< during a register access
};

NpuDevice::Impl::Impl(std::unique_ptr<Engine> engine, const NpuConfig& config, EventQueue& queue, BusPort& port,
                      IrqSink& irq, uint32_t irq_line, FindingSink& findings, FindingSink& ring_findings)
    : config_(config),
      queue_(queue),
      irq_(irq),
      irq_line_(irq_line),
      findings_(findings),
      ring_findings_(ring_findings),
      engine_(std::move(engine)),
      bank_(npu_regs::kBlock),
      dma_(config.dma, config.clock_hz, queue, port),
      sequencer_(*engine_, static_cast<uint32_t>(config.buffer_bytes), config.clock_hz, queue, dma_),
      arbiter_(queue, dma_, sequencer_),
      rings_{CommandRing(0, *engine_, config.clock_hz, queue, dma_, sequencer_, arbiter_),
             CommandRing(1, *engine_, config.clock_hz, queue, dma_, sequencer_, arbiter_)},
      performance_(rings_, sequencer_, dma_, config.clock_hz) {
  sequencer_.set_power_bin(config.power_bin_ps);
  publish_capabilities();
  hook_interrupts();
  for (CommandRing& ring : rings_) {
    ring.set_client(*this);
    hook_ring(ring, ring_registers()[ring.number()]);
  }
  hook_windows();
  hook_performance();
}

void NpuDevice::Impl::publish_capabilities() {
  const Offer& offer = engine_->offer();
  bank_.set(Reg::NPU_ENGINE, static_cast<uint32_t>(offer.engine));
  bank_.set(Reg::NPU_CAP_OPS_LO, low(offer.opcodes));
  bank_.set(Reg::NPU_CAP_OPS_HI, high(offer.opcodes));
  bank_.set(Reg::NPU_CAP_FORMATS, offer.formats);
  bank_.set(Reg::NPU_CAP_BUFFER, static_cast<uint32_t>(config_.buffer_bytes));
  bank_.set(Field::NPU_CAP_LIMITS_KERNEL, offer.largest_kernel);
  bank_.set(Field::NPU_CAP_LIMITS_STRIDE, offer.largest_stride);
  bank_.set(Field::NPU_CAP_LIMITS_GROUP, offer.group_commands);
  bank_.set(Field::NPU_CAP_LIMITS_FUSED_SGD, offer.fused_sgd ? 1 : 0);
}

void NpuDevice::Impl::hook_interrupts() {
  bank_.on_write(Reg::NPU_IRQ_ENABLE, [this](const RegisterWrite&) { update_irq(); });
  bank_.on_write(Reg::NPU_IRQ_STATUS, [this](const RegisterWrite&) { update_irq(); });
  bank_.on_write(Reg::NPU_IRQ_RAISE, [this](const RegisterWrite& write) {
    if (write.written & 1) bank_.set(Field::NPU_IRQ_RAISED, 1);
    update_irq();
  });
  bank_.on_write(Reg::NPU_PRIORITY, [this](const RegisterWrite&) { configure_rings(); });
}

void NpuDevice::Impl::only_while_disabled(Reg reg, Field enable) {
  bank_.on_write(reg, [this, reg, enable](const RegisterWrite& write) {
    if (bank_.get(enable) == 0) return;
    bank_.set(reg, write.old);
    report(reg, "write while the NPU is enabled: the write is ignored");
  });
}

void NpuDevice::Impl::hook_ring(CommandRing& ring, const RingRegisters& regs) {
  bank_.on_write(regs.control, [this, &ring, &regs](const RegisterWrite& write) { write_control(ring, regs, write); });
  bank_.source(regs.status, [&ring](uint32_t) {
    return info_of(Field::NPU_STATUS_BUSY).set(0, ring.busy()) |
           info_of(Field::NPU_STATUS_ERROR).set(0, ring.stopped()) |
           info_of(Field::NPU_STATUS_GROUP).set(0, ring.group_open()) |
           info_of(Field::NPU_STATUS_WAITING).set(0, ring.waiting());
  });
  only_while_disabled(regs.base, regs.enable);
  only_while_disabled(regs.size, regs.enable);
  bank_.on_write(regs.tail, [&ring](const RegisterWrite& write) { ring.doorbell(write.stored); });
  bank_.source(regs.head, [&ring](uint32_t) { return ring.head(); });
  bank_.on_write(regs.fence_address, [this, &regs](const RegisterWrite& write) {
    if (write.stored % 4 != 0) report(regs.fence_address, "not 4-byte aligned: the low bits are ignored");
    bank_.set(regs.fence_address, write.stored & ~3u);
    configure_rings();
  });
  bank_.on_write(regs.watchdog, [this](const RegisterWrite&) { configure_rings(); });
}

/// What the registers say of the rings' work to come.
void NpuDevice::Impl::configure_rings() {
  for (CommandRing& ring : rings_) {
    const RingRegisters& regs = ring_registers()[ring.number()];
    ring.set_fence_address(bank_.get(regs.fence_address));
    ring.set_watchdog(bank_.get(regs.watchdog));
    arbiter_.set_priority(ring.number(), bank_.get(regs.priority));
  }
}

void NpuDevice::Impl::hook_windows() {
  constexpr Reg kWindowRegisters[] = {Reg::NPU_WINDOW0_BASE, Reg::NPU_WINDOW0_LAST, Reg::NPU_WINDOW0_ACCESS,
                                      Reg::NPU_WINDOW1_BASE, Reg::NPU_WINDOW1_LAST, Reg::NPU_WINDOW1_ACCESS,
                                      Reg::NPU_WINDOW2_BASE, Reg::NPU_WINDOW2_LAST, Reg::NPU_WINDOW2_ACCESS,
                                      Reg::NPU_WINDOW3_BASE, Reg::NPU_WINDOW3_LAST, Reg::NPU_WINDOW3_ACCESS};
  for (const Reg reg : kWindowRegisters) {
    bank_.on_write(reg, [this](const RegisterWrite&) { update_windows(); });
  }
}

void NpuDevice::Impl::update_windows() {
  constexpr Reg kFirst[] = {Reg::NPU_WINDOW0_BASE, Reg::NPU_WINDOW1_BASE, Reg::NPU_WINDOW2_BASE, Reg::NPU_WINDOW3_BASE};
  constexpr Reg kLast[] = {Reg::NPU_WINDOW0_LAST, Reg::NPU_WINDOW1_LAST, Reg::NPU_WINDOW2_LAST, Reg::NPU_WINDOW3_LAST};
  constexpr Reg kAccess[] = {Reg::NPU_WINDOW0_ACCESS, Reg::NPU_WINDOW1_ACCESS, Reg::NPU_WINDOW2_ACCESS,
                             Reg::NPU_WINDOW3_ACCESS};
  AccessWindows windows;
  for (unsigned i = 0; i < 4; ++i) {
    const uint32_t access = bank_.get(kAccess[i]);
    windows.window[i] = {bank_.get(kFirst[i]), bank_.get(kLast[i]), (access & 1) != 0, (access & 2) != 0};
  }
  dma_.set_windows(windows);
  for (CommandRing& ring : rings_) ring.set_windows(windows);
}

void NpuDevice::Impl::counter(Reg low_half, Reg high_half, unsigned number) {
  bank_.source(low_half, [this, number](uint32_t) { return low(performance_.value(number)); });
  // The high half is the one of the moment when the low half was read.
  bank_.on_read(low_half,
                [this, number, high_half](uint32_t) { bank_.set(high_half, high(performance_.value(number))); });
}

void NpuDevice::Impl::hook_performance() {
  counter(Reg::NPU_PERF_BUSY_LO, Reg::NPU_PERF_BUSY_HI, Performance::kBusy);
  counter(Reg::NPU_PERF_COMPUTE_LO, Reg::NPU_PERF_COMPUTE_HI, Performance::kCompute);
  counter(Reg::NPU_PERF_LOAD_STALL_LO, Reg::NPU_PERF_LOAD_STALL_HI, Performance::kLoadStall);
  counter(Reg::NPU_PERF_MACS_LO, Reg::NPU_PERF_MACS_HI, Performance::kMacs);
  counter(Reg::NPU_PERF_SKIPPED_LO, Reg::NPU_PERF_SKIPPED_HI, Performance::kSkipped);
  counter(Reg::NPU_PERF_READ_LO, Reg::NPU_PERF_READ_HI, Performance::kRead);
  counter(Reg::NPU_PERF_WRITE_LO, Reg::NPU_PERF_WRITE_HI, Performance::kWrite);
  counter(Reg::NPU_PERF_COMMANDS_LO, Reg::NPU_PERF_COMMANDS_HI, Performance::kCommands);
  counter(Reg::NPU_PERF_SATURATED_LO, Reg::NPU_PERF_SATURATED_HI, Performance::kSaturated);
  counter(Reg::NPU_PERF_NONFINITE_LO, Reg::NPU_PERF_NONFINITE_HI, Performance::kNonfinite);
  counter(Reg::NPU_PERF_RING0_BUSY_LO, Reg::NPU_PERF_RING0_BUSY_HI, Performance::kRing0Busy);
  counter(Reg::NPU_PERF_RING0_WAIT_LO, Reg::NPU_PERF_RING0_WAIT_HI, Performance::kRing0Wait);
  counter(Reg::NPU_PERF_RING0_COMMANDS_LO, Reg::NPU_PERF_RING0_COMMANDS_HI, Performance::kRing0Commands);
  counter(Reg::NPU_PERF_RING1_BUSY_LO, Reg::NPU_PERF_RING1_BUSY_HI, Performance::kRing1Busy);
  counter(Reg::NPU_PERF_RING1_WAIT_LO, Reg::NPU_PERF_RING1_WAIT_HI, Performance::kRing1Wait);
  counter(Reg::NPU_PERF_RING1_COMMANDS_LO, Reg::NPU_PERF_RING1_COMMANDS_HI, Performance::kRing1Commands);
  bank_.on_write(Reg::NPU_PERF_CTRL, [this](const RegisterWrite& write) {
    if (write.stored & 1) performance_.clear();
    bank_.set(Reg::NPU_PERF_CTRL, 0);
  });
}

void NpuDevice::Impl::write_control(CommandRing& ring, const RingRegisters& regs, const RegisterWrite& write) {
  if (regs.control == Reg::NPU_CTRL && bank_.get(Field::NPU_CTRL_RESET)) return soft_reset();
  if (bank_.get(regs.reset)) {
    reset_ring(ring);
    return update_irq();
  }
  const bool enable = bank_.get(regs.enable) != 0;
  const bool was = info_of(regs.enable).get(write.old) != 0;
  if (enable && !was) ring.enable(bank_.get(regs.base), bank_.get(regs.size));
  if (!enable && was) ring.disable();
}

/// Ring, errors and interrupts of it as after power-on; what firmware configured stays: base and size, fence address
/// and value, watchdog, priority. The other ring goes on.
void NpuDevice::Impl::reset_ring(CommandRing& ring) {
  const RingRegisters& regs = ring_registers()[ring.number()];
  ring.reset();
  for (const Reg reg :
       {regs.control, regs.tail, regs.error_code, regs.error_index, regs.error_address, regs.error_detail}) {
    bank_.set(reg, 0);
  }
  bank_.set(regs.fence_interrupt, 0);
  bank_.set(regs.error_interrupt, 0);
}

/// Both rings, sequencer, DMA and all interrupts; what firmware configured stays, windows, interrupt enable and
/// performance counters too.
void NpuDevice::Impl::soft_reset() {
  for (CommandRing& ring : rings_) reset_ring(ring);
  arbiter_.reset();
  bank_.set(Reg::NPU_IRQ_STATUS, 0);
  update_irq();
}

/// Power-on reset: what `soft_reset` keeps goes too.
void NpuDevice::Impl::reset() {
  soft_reset();
  bank_.reset();
  publish_capabilities();
  update_windows();
  configure_rings();
  performance_.clear();
}

void NpuDevice::Impl::on_fence(unsigned ring, uint32_t value, bool interrupt) {
  const RingRegisters& regs = ring_registers()[ring];
  bank_.set(regs.fence, value);
  if (interrupt) bank_.set(regs.fence_interrupt, 1);
  update_irq();
}

void NpuDevice::Impl::on_error(unsigned ring, const RingError& error) {
  const RingRegisters& regs = ring_registers()[ring];
  ++errors_;
  bank_.set(regs.error_code, static_cast<uint32_t>(error.code));
  bank_.set(regs.error_index, error.index);
  bank_.set(regs.error_address, error.address);
  bank_.set(regs.error_detail, error.detail);
  bank_.set(regs.error_interrupt, 1);
  Finding finding;
  // An error that a register access shows at once, as a ring that cannot be, is of the instruction that accesses.
  finding.time_ps = access_ ? access_->time_ps : queue_.now_ps();
  finding.initiator = access_ ? access_->who.initiator : Initiator::npu;
  finding.block = "npu";
  finding.address = error.address;
  finding.reason = fmt::format("command {} of {} failed: {}, byte {}", error.index, ring == 0 ? "the ring" : "ring 1",
                               name_of(error.code), error.detail);
  ring_findings_.report(std::move(finding));
  update_irq();
}

void NpuDevice::Impl::update_irq() {
  const bool level = (bank_.get(Reg::NPU_IRQ_STATUS) & bank_.get(Reg::NPU_IRQ_ENABLE)) != 0;
  if (level == irq_level_) return;
  irq_level_ = level;
  if (level) ++interrupts_;
  irq_.set_level(irq_line_, level);
}

BusResponse NpuDevice::Impl::access(BusAccess& access, uint64_t& delay_ps) {
  if (!access.debug) {
    for (CommandRing& ring : rings_) ring.observe(access.time_ps);
    delay_ps += kAccess_ps;
  }
  access_ = &access;
  const BusResponse response = serve_registers(bank_, access, findings_);
  access_ = nullptr;
  return response;
}

NpuTotals NpuDevice::Impl::totals() const {
  NpuTotals totals;
  totals.commands = performance_.total(Performance::kCommands);
  totals.macs = performance_.total(Performance::kMacs);
  totals.macs_skipped = performance_.total(Performance::kSkipped);
  totals.busy_cycles = performance_.total(Performance::kBusy);
  totals.compute_cycles = performance_.total(Performance::kCompute);
  totals.load_stall_cycles = performance_.total(Performance::kLoadStall);
  totals.read_bytes = performance_.total(Performance::kRead);
  totals.write_bytes = performance_.total(Performance::kWrite);
  totals.saturated = performance_.total(Performance::kSaturated);
  totals.nonfinite = performance_.total(Performance::kNonfinite);
  totals.rings[0] = {performance_.total(Performance::kRing0Commands), performance_.total(Performance::kRing0Busy),
                     performance_.total(Performance::kRing0Wait)};
  totals.rings[1] = {performance_.total(Performance::kRing1Commands), performance_.total(Performance::kRing1Busy),
                     performance_.total(Performance::kRing1Wait)};
  totals.interrupts = interrupts_;
  totals.errors = errors_;
  totals.facts = sequencer_.totals().facts;
  totals.buffer_peak_bytes = sequencer_.totals().buffer_peak_bytes;
  totals.map_peak_bytes = sequencer_.totals().map_peak_bytes;
  totals.cycles = sequencer_.totals().cycles;
  totals.energy = sequencer_.totals().energy;
  totals.by_phase = sequencer_.totals().by_phase;
  totals.produced = sequencer_.totals().produced;
  return totals;
}

void NpuDevice::Impl::state(StateArchive& archive) {
  archive.section("npu");
  bank_.state(archive);
  dma_.state(archive);
  sequencer_.state(archive);
  arbiter_.state(archive);
  for (CommandRing& ring : rings_) ring.state(archive);
  performance_.state(archive);
  archive.value("irq_level", irq_level_);
  archive.value("interrupts", interrupts_);
  archive.value("errors", errors_);
  if (!archive.reading()) return;
  update_windows();
  configure_rings();
}

NpuDevice::NpuDevice(const NpuConfig& config, EventQueue& queue, BusPort& port, IrqSink& irq, uint32_t irq_line,
                     FindingSink& findings, FindingSink& ring_findings)
    : NpuDevice(make_engine(config), config, queue, port, irq, irq_line, findings, ring_findings) {}

NpuDevice::NpuDevice(std::unique_ptr<Engine> engine, const NpuConfig& config, EventQueue& queue, BusPort& port,
                     IrqSink& irq, uint32_t irq_line, FindingSink& findings, FindingSink& ring_findings)
    : impl_(std::make_unique<Impl>(std::move(engine), config, queue, port, irq, irq_line, findings, ring_findings)) {}

NpuDevice::~NpuDevice() = default;

BusResponse NpuDevice::access(BusAccess& access, uint64_t& delay_ps) {
  return impl_->access(access, delay_ps);
}

void NpuDevice::state(StateArchive& archive) {
  impl_->state(archive);
}

void NpuDevice::drain() {}

void NpuDevice::use_requests(RequestPort& port) {
  impl_->use_requests(port);
}

void NpuDevice::use_bursts(BurstPort& port) {
  impl_->use_bursts(port);
}

void NpuDevice::observe_commands(CommandObserver* observer) {
  impl_->observe_commands(observer);
}

void NpuDevice::reset() {
  impl_->reset();
}

NpuTotals NpuDevice::totals() const {
  return impl_->totals();
}

const TimeBins<double, 1>& NpuDevice::energy_over_time() const {
  return impl_->energy_over_time();
}

}  // namespace backboard::npu
