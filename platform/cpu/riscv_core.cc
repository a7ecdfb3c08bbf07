#include "platform/cpu/riscv_core.h"

#include <algorithm>

#include "platform/check/check.h"
#include "platform/cpu/handlers.h"

namespace backboard {
namespace {

std::array<uint16_t, kInstructionKinds> cost_table(const CoreCosts& costs) {
  std::array<uint16_t, kInstructionKinds> table{};
  const auto set = [&](InstructionKind kind, uint16_t cycles) {
    // A block of 64 must fit Operation::cycles_before; every instruction takes time, so that limits in cycles hold.
    BB_CHECK(cycles >= 1 && cycles <= 1000, "cost of {} cycles", cycles);
    table[static_cast<unsigned>(kind)] = cycles;
  };
  set(InstructionKind::alu, costs.alu);
  set(InstructionKind::load, costs.load);
  set(InstructionKind::store, costs.store);
  set(InstructionKind::atomic, costs.atomic);
  set(InstructionKind::multiply, costs.multiply);
  set(InstructionKind::divide, costs.divide);
  set(InstructionKind::branch, costs.branch);
  set(InstructionKind::jump, costs.jump);
  set(InstructionKind::csr, costs.csr);
  set(InstructionKind::fence, costs.fence);
  set(InstructionKind::system, costs.system);
  set(InstructionKind::fp_move, costs.fp_move);
  set(InstructionKind::fp_simple, costs.fp_simple);
  set(InstructionKind::fp_add, costs.fp_add);
  set(InstructionKind::fp_fused, costs.fp_fused);
  set(InstructionKind::fp_divide, costs.fp_divide);
  set(InstructionKind::fp_sqrt, costs.fp_sqrt);
  return table;
}

}  // namespace

const char* name_of(StopReason reason) {
  switch (reason) {
    case StopReason::none:
      return "none";
    case StopReason::requested:
      return "requested";
    case StopReason::instruction_limit:
      return "instruction limit";
    case StopReason::lockup:
      return "lockup";
    case StopReason::breakpoint:
      return "breakpoint";
    case StopReason::watchpoint:
      return "watchpoint";
    case StopReason::stepped:
      return "stepped";
  }
  return "?";
}

template <class Xlen>
RiscvCore<Xlen>::RiscvCore(const CoreConfig& config, BusPort& bus, EventQueue& queue)
    : config_(config),
      bus_(bus),
      queue_(queue),
      clock_time_(config.clock_hz),
      client_(queue.add_client(config.name, EventRank::core, *this)),
      path_(bus, pmp_, clock_time_, config),
      cost_(cost_table(config.costs)) {
  BB_CHECK(config.quantum_ps > 0);
  BB_CHECK(config.costs.branch_taken <= 1000);
  pc_ = static_cast<U>(config.reset_pc);
  scratch_.operations = scratch_operations_.data();
  scratch_.count = 1;
  scratch_operations_[1].id = InstructionId::kBlockEnd;
  scratch_operations_[1].handler = plain_handler(InstructionId::kBlockEnd);
  run_interpreter(nullptr);
  label({&scratch_operations_[1], 1});
  nowhere_.key = 0;
  quantum_cycles_ = std::max<uint64_t>(1, clock_time_.cycles_covering(config.quantum_ps));
  start_tier();
  path_.on_stale_line([this](const StaleLine& line) {
    if (observer_) observer_->on_stale_line(line);
  });
}

template <class Xlen>
void RiscvCore<Xlen>::start(uint64_t pc) {
  // Privileged ISA, "Reset": machine mode, MIE and MPRV clear, mcause zero, PMP off; the rest is ours to choose.
  x_.fill(0);
  f_.fill(0);
  pc_ = static_cast<U>(pc) & ~U{1};
  machine_ = true;
  mstatus_ = mie_ = mtvec_ = mscratch_ = mepc_ = mcause_ = mtval_ = mcounteren_ = menvcfg_ = 0;
  fs_ = 0;
  fflags_ = frm_ = 0;
  reserved_ = false;
  waiting_ = blocked_ = again_ = held_.valid = false;
  stop_reason_ = StopReason::none;
  last_trap_retired_ = UINT64_MAX;
  pmp_.reset();
  privilege_changed();
  path_.reset_caches();
  drop_blocks();
  schedule();  // brings clock_ up to now: a reset may have met the core in WFI
  mcycle_ = {};
  minstret_ = {};
  mcycle_.set(0, clock_);
  minstret_.set(0, retired_);
}

template <class Xlen>
void RiscvCore<Xlen>::schedule() {
  const uint64_t edge = clock_time_.edge_at_or_after(queue_.now_ps());
  if (edge > clock_) {
    idle_cycles_ += edge - clock_;
    clock_ = edge;
  }
  if (scheduled_) queue_.cancel(client_);
  queue_.schedule(clock_time_.time_ps(clock_), client_);
  scheduled_ = true;
}

template <class Xlen>
void RiscvCore<Xlen>::use_requests(RequestPort& port, std::vector<CoreConfig::MemoryRange> ranges) {
  path_.use_requests(port, std::move(ranges), [this](uint64_t time_ps) { on_progress(time_ps); });
}

/// An answer has come, or the port is ready: what waited looks anew. The time of the wait is the instruction's.
template <class Xlen>
void RiscvCore<Xlen>::on_progress(uint64_t time_ps) {
  if (!blocked_) return;
  blocked_ = false;
  again_ = true;
  clock_ = std::max(clock_, clock_time_.edge_at_or_after(time_ps));
  if (stop_reason_ == StopReason::none) schedule();
}

/// The instruction that waited is through.
template <class Xlen>
void RiscvCore<Xlen>::end_waiting() {
  if (!again_ || blocked_) return;
  again_ = false;
  held_.valid = false;
  path_.forget_answers();
}

template <class Xlen>
void RiscvCore<Xlen>::stop(StopReason reason) {
  stop_reason_ = reason;
  if (observer_) observer_->on_stop(reason);
}

template <class Xlen>
void RiscvCore<Xlen>::resume() {
  if (stop_reason_ == StopReason::none) return;
  stop_reason_ = StopReason::none;
  last_trap_retired_ = UINT64_MAX;
  if (!waiting_ && !blocked_) schedule();
}

template <class Xlen>
void RiscvCore<Xlen>::set_level(uint32_t line, bool level) {
  constexpr U kPins = 1u << 3 | 1u << 7 | 1u << 11;
  BB_CHECK(line < 32 && (kPins >> line & 1), "the core has no interrupt pin {}", line);
  const U bit = U{1} << line;
  pins_ = level ? pins_ | bit : pins_ & ~bit;
  if (!waiting_ || !pending_interrupts()) return;
  waiting_ = false;
  if (stop_reason_ == StopReason::none) schedule();
}

template <class Xlen>
void RiscvCore<Xlen>::on_event(uint64_t, uint64_t) {
  scheduled_ = false;
  if (stop_reason_ != StopReason::none || waiting_ || blocked_) return;
  run_quanta();
  if (stop_reason_ == StopReason::none && !waiting_ && !blocked_) schedule();
}

template <class Xlen>
void RiscvCore<Xlen>::count_blocks() {
  blocks_.for_each([this](Block& block) { count_block(block); });
  count_compiled();
  settle_elsewhere();
}

template <class Xlen>
CoreStatistics RiscvCore<Xlen>::statistics() {
  count_blocks();
  const auto kind = [this](InstructionKind k) { return kinds_[static_cast<unsigned>(k)]; };
  CoreStatistics s;
  s.instructions = retired_;
  s.active_cycles = clock_ - idle_cycles_;
  s.idle_cycles = idle_cycles_;
  s.loads = kind(InstructionKind::load);
  s.stores = kind(InstructionKind::store);
  s.atomics = kind(InstructionKind::atomic);
  s.branches = kind(InstructionKind::branch);
  s.branches_taken = branches_taken_;
  s.jumps = kind(InstructionKind::jump);
  s.multiplies = kind(InstructionKind::multiply);
  s.divides = kind(InstructionKind::divide);
  s.fp = kind(InstructionKind::fp_move) + kind(InstructionKind::fp_simple) + kind(InstructionKind::fp_add) +
         kind(InstructionKind::fp_fused) + kind(InstructionKind::fp_divide) + kind(InstructionKind::fp_sqrt);
  s.csr = kind(InstructionKind::csr);
  s.exceptions = exceptions_;
  s.interrupts = interrupts_;
  return s;
}

template <class Xlen>
std::vector<DirectTraffic> RiscvCore<Xlen>::direct_traffic() {
  count_blocks();
  return path_.traffic();
}

template <class Xlen>
CoreCaches RiscvCore<Xlen>::caches() {
  count_blocks();
  path_.collect_pages();
  CoreCaches caches;
  if (const Cache* cache = path_.code_cache()) caches.code = cache->counters;
  if (const Cache* cache = path_.data_cache()) caches.data = cache->counters;
  return caches;
}

template <class Xlen>
void RiscvCore<Xlen>::set_x(unsigned index, uint64_t value) {
  if (index > 0 && index < 32) x_[index] = static_cast<U>(value);
}

template <class Xlen>
void RiscvCore<Xlen>::set_f(unsigned index, uint64_t value) {
  if (index < 32) f_[index] = static_cast<Float>(value);
}

template <class Xlen>
bool RiscvCore<Xlen>::debug_access(BusOp op, uint64_t address, uint8_t* data, size_t size_bytes) {
  BusAccess access;
  access.op = op;
  access.address = address;
  access.data = data;
  access.size = static_cast<uint32_t>(size_bytes);
  access.time_ps = queue_.now_ps();
  access.debug = true;
  uint64_t delay_ps = 0;
  return size_bytes == 0 || bus_.access(access, delay_ps) == BusResponse::ok;
}

template <class Xlen>
bool RiscvCore<Xlen>::peek(uint64_t address, std::span<uint8_t> bytes) {
  if (!debug_access(BusOp::read, address, bytes.data(), bytes.size())) return false;
  path_.overlay(address, bytes);
  return true;
}

template <class Xlen>
bool RiscvCore<Xlen>::poke(uint64_t address, std::span<const uint8_t> bytes) {
  std::vector<uint8_t> copy(bytes.begin(), bytes.end());
  if (!debug_access(BusOp::write, address, copy.data(), copy.size())) return false;
  if (!copy.empty()) invalidate(address, address + copy.size() - 1);
  return true;
}

template <class Xlen>
void RiscvCore<Xlen>::state(StateArchive& archive) {
  statistics();  // counts what the blocks hold
  drop_blocks();
  home_ = {};  // of regions that are asked for again
  archive.section("core");
  archive.value("x", x_);
  archive.value("f", f_);
  archive.value("pc", pc_);
  archive.value("clock", clock_);
  archive.value("retired", retired_);
  archive.value("idle cycles", idle_cycles_);
  archive.value("machine", machine_);
  archive.value("fs", fs_);
  archive.value("fflags", fflags_);
  archive.value("frm", frm_);
  archive.value("reserved", reserved_);
  archive.value("reservation", reservation_);
  for (U* csr : {&mstatus_, &mie_, &pins_, &mtvec_, &mscratch_, &mepc_, &mcause_, &mtval_, &mcounteren_, &menvcfg_}) {
    archive.value("csr", *csr);
  }
  for (Counter* counter : {&mcycle_, &minstret_}) {
    archive.value("counter base", counter->base);
    archive.value("counter inhibited", counter->inhibited);
  }
  archive.value("waiting", waiting_);
  archive.value("blocked", blocked_);
  archive.value("again", again_);
  archive.value("held", held_.valid);
  archive.value("held address", held_.address);
  archive.value("held value", held_.value);
  archive.value("scheduled", scheduled_);
  archive.value("stop reason", stop_reason_);
  archive.value("last trap pc", last_trap_pc_);
  archive.value("last trap retired", last_trap_retired_);
  archive.value("kinds", kinds_);
  archive.value("branches taken", branches_taken_);
  archive.value("exceptions", exceptions_);
  archive.value("interrupts", interrupts_);
  pmp_.state(archive);
  path_.state(archive);
  if (archive.reading()) privilege_changed();
}

template class RiscvCore<Rv32>;
template class RiscvCore<Rv64>;

std::unique_ptr<Core> make_core(const CoreConfig& config, BusPort& bus, EventQueue& queue) {
  if (config.isa.width_bits == Rv64::kBits) return std::make_unique<RiscvCore<Rv64>>(config, bus, queue);
  BB_CHECK(config.isa.width_bits == Rv32::kBits, "registers of {} bits", config.isa.width_bits);
  return std::make_unique<RiscvCore<Rv32>>(config, bus, queue);
}

}  // namespace backboard
