#include "npu/device/npu_device.h"

#include <fmt/format.h>

#include <utility>

#include "npu/device/command_ring.h"
#include "npu/device/performance.h"
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

/// Registers and interrupt around the ring.
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
  void observe_commands(CommandObserver* observer) { ring_.set_observer(observer); }

  void on_fence(uint32_t value, bool interrupt) override;
  void on_error(const RingError& error) override;

 private:
  void publish_capabilities();
  void hook_control();
  void hook_ring();
  void hook_windows();
  void hook_performance();
  void counter(Reg low_half, Reg high_half, unsigned number);
  void write_control(const RegisterWrite& write);
  void soft_reset();
  void update_windows();
  void update_irq();
  /// The register access that is being carried out was a mistake.
  void report(const char* reg, std::string reason) {
    findings_.report(finding_of("npu", reg, *access_, std::move(reason)));
  }
  /// A register that is written only while disabled: the write is undone otherwise.
  void only_while_disabled(Reg reg, const char* name);

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
  CommandRing ring_;
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
      ring_(*engine_, config.clock_hz, queue, dma_, sequencer_),
      performance_(ring_, sequencer_, dma_, config.clock_hz) {
  sequencer_.set_power_bin(config.power_bin_ps);
  ring_.set_client(*this);
  publish_capabilities();
  hook_control();
  hook_ring();
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

void NpuDevice::Impl::hook_control() {
  bank_.on_write(Reg::NPU_CTRL, [this](const RegisterWrite& write) { write_control(write); });
  bank_.source(Reg::NPU_STATUS, [this](uint32_t) {
    return info_of(Field::NPU_STATUS_BUSY).set(0, ring_.busy()) |
           info_of(Field::NPU_STATUS_ERROR).set(0, ring_.stopped()) |
           info_of(Field::NPU_STATUS_GROUP).set(0, ring_.group_open());
  });
  bank_.on_write(Reg::NPU_IRQ_ENABLE, [this](const RegisterWrite&) { update_irq(); });
  bank_.on_write(Reg::NPU_IRQ_STATUS, [this](const RegisterWrite&) { update_irq(); });
  bank_.on_write(Reg::NPU_IRQ_RAISE, [this](const RegisterWrite& write) {
    if (write.written & 1) bank_.set(Field::NPU_IRQ_RAISED, 1);
    update_irq();
  });
}

void NpuDevice::Impl::only_while_disabled(Reg reg, const char* name) {
  bank_.on_write(reg, [this, reg, name](const RegisterWrite& write) {
    if (bank_.get(Field::NPU_CTRL_ENABLE) == 0) return;
    bank_.set(reg, write.old);
    report(name, "write while the NPU is enabled: the write is ignored");
  });
}

void NpuDevice::Impl::hook_ring() {
  only_while_disabled(Reg::NPU_RING_BASE, "NPU_RING_BASE");
  only_while_disabled(Reg::NPU_RING_SIZE, "NPU_RING_SIZE");
  bank_.on_write(Reg::NPU_RING_TAIL, [this](const RegisterWrite& write) { ring_.doorbell(write.stored); });
  bank_.source(Reg::NPU_RING_HEAD, [this](uint32_t) { return ring_.head(); });
  bank_.on_write(Reg::NPU_FENCE_ADDRESS, [this](const RegisterWrite& write) {
    if (write.stored % 4 != 0) report("NPU_FENCE_ADDRESS", "not 4-byte aligned: the low bits are ignored");
    bank_.set(Reg::NPU_FENCE_ADDRESS, write.stored & ~3u);
    ring_.set_fence_address(write.stored & ~3u);
  });
  bank_.on_write(Reg::NPU_WATCHDOG, [this](const RegisterWrite& write) { ring_.set_watchdog(write.stored); });
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
  ring_.set_windows(windows);
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
  bank_.on_write(Reg::NPU_PERF_CTRL, [this](const RegisterWrite& write) {
    if (write.stored & 1) performance_.clear();
    bank_.set(Reg::NPU_PERF_CTRL, 0);
  });
}

void NpuDevice::Impl::write_control(const RegisterWrite& write) {
  if (bank_.get(Field::NPU_CTRL_RESET)) return soft_reset();
  const bool enable = bank_.get(Field::NPU_CTRL_ENABLE) != 0;
  const bool was = info_of(Field::NPU_CTRL_ENABLE).get(write.old) != 0;
  if (enable && !was) ring_.enable(bank_.get(Reg::NPU_RING_BASE), bank_.get(Reg::NPU_RING_SIZE));
  if (!enable && was) ring_.disable();
}

/// Ring, sequencer, DMA, errors and interrupts as after power-on; what firmware configured stays: ring base and size,
/// fence address and value, interrupt enable, watchdog, windows and performance counters.
void NpuDevice::Impl::soft_reset() {
  ring_.reset();
  sequencer_.abort();
  dma_.abort();
  for (const Reg reg : {Reg::NPU_CTRL, Reg::NPU_IRQ_STATUS, Reg::NPU_RING_TAIL, Reg::NPU_ERROR_CODE,
                        Reg::NPU_ERROR_INDEX, Reg::NPU_ERROR_ADDRESS, Reg::NPU_ERROR_DETAIL}) {
    bank_.set(reg, 0);
  }
  update_irq();
}

/// Power-on reset: what `soft_reset` keeps goes too.
void NpuDevice::Impl::reset() {
  soft_reset();
  bank_.reset();
  publish_capabilities();
  update_windows();
  ring_.set_fence_address(bank_.get(Reg::NPU_FENCE_ADDRESS));
  ring_.set_watchdog(bank_.get(Reg::NPU_WATCHDOG));
  performance_.clear();
}

void NpuDevice::Impl::on_fence(uint32_t value, bool interrupt) {
  bank_.set(Reg::NPU_FENCE, value);
  if (interrupt) bank_.set(Field::NPU_IRQ_FENCE, 1);
  update_irq();
}

void NpuDevice::Impl::on_error(const RingError& error) {
  ++errors_;
  bank_.set(Reg::NPU_ERROR_CODE, static_cast<uint32_t>(error.code));
  bank_.set(Reg::NPU_ERROR_INDEX, error.index);
  bank_.set(Reg::NPU_ERROR_ADDRESS, error.address);
  bank_.set(Reg::NPU_ERROR_DETAIL, error.detail);
  bank_.set(Field::NPU_IRQ_ERROR, 1);
  Finding finding;
  // An error that a register access shows at once, as a ring that cannot be, is of the instruction that accesses.
  finding.time_ps = access_ ? access_->time_ps : queue_.now_ps();
  finding.initiator = access_ ? access_->who.initiator : Initiator::npu;
  finding.block = "npu";
  finding.address = error.address;
  finding.reason =
      fmt::format("command {} of the ring failed: {}, byte {}", error.index, name_of(error.code), error.detail);
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
    ring_.observe(access.time_ps);
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
  ring_.state(archive);
  performance_.state(archive);
  archive.value("irq_level", irq_level_);
  archive.value("interrupts", interrupts_);
  archive.value("errors", errors_);
  if (archive.reading()) update_windows();
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
