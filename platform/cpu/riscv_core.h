// The core's implementation for a register width.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <span>

#include "platform/cpu/block_cache.h"
#include "platform/cpu/compiled_code.h"
#include "platform/cpu/core.h"
#include "platform/cpu/core_clock.h"
#include "platform/cpu/data_path.h"
#include "platform/cpu/pmp.h"
#include "platform/cpu/xlen.h"

namespace backboard {

/// CSR numbers.
namespace csr {
#define CSR(name, number) inline constexpr unsigned k##name = (number);
#include "platform/cpu/csrs.def"
}  // namespace csr

// Fields of mstatus (Volume II, section "Machine Status").
inline constexpr uint32_t kMstatusMie = 1u << 3, kMstatusMpie = 1u << 7, kMstatusMpp = 3u << 11;
inline constexpr uint32_t kMstatusMprv = 1u << 17, kMstatusTw = 1u << 21;

/// An interpreter over pre-decoded blocks. `clock_` counts clock edges since simulated time 0, and one instruction
/// starts at one edge; `clock_`, `retired_` and `pc_` describe the boundary before the next instruction whenever no
/// handler runs. Blocks count in bulk, and repair the counts when they are left in the middle.
template <class Xlen>
class RiscvCore final : public Core, private GuestMemory {
 public:
  using U = typename Xlen::Unsigned;
  using S = typename Xlen::Signed;
  using Float = typename Xlen::Float;

  RiscvCore(const CoreConfig& config, BusPort& bus, EventQueue& queue);

  void start(uint64_t pc) override;
  void set_level(uint32_t line, bool level) override;
  void use_requests(RequestPort& port, std::vector<CoreConfig::MemoryRange> ranges) override;
  void set_instruction_limit(uint64_t count) override { instruction_limit_ = count; }
  StopReason stop_reason() const override { return stop_reason_; }
  void resume() override;
  bool waiting_for_interrupt() const override { return waiting_; }
  void invalidate(uint64_t first, uint64_t last) override;
  void exclude_from_direct(uint64_t first, uint64_t last) override { path_.exclude(first, last); }
  void forget_direct() override;
  void set_breakpoints(const std::vector<uint64_t>& addresses) override;
  void set_watchpoints(const std::vector<Watchpoint>& watchpoints) override { path_.watch(watchpoints); }
  WatchHit watch_hit() const override { return watch_hit_; }
  void set_stepping(bool on) override {
    stepping_ = on;
    step_start_ = progress();
  }
  void set_tracer(StepTracer* tracer) override { tracer_ = tracer; }
  void snoop(BusOp op, uint64_t first, uint64_t size_bytes, Initiator initiator) override {
    path_.snoop(op, first, size_bytes, initiator);
  }
  CoreStatistics statistics() override;
  std::vector<DirectTraffic> direct_traffic() override;
  CoreCaches caches() override;
  unsigned width_bits() const override { return Xlen::kBits; }
  unsigned float_bits() const override { return 8 * sizeof(Float); }
  uint64_t pc() const override { return pc_; }
  void set_pc(uint64_t pc) override;
  uint64_t x(unsigned index) const override { return index < 32 ? x_[index] : 0; }
  void set_x(unsigned index, uint64_t value) override;
  uint64_t f(unsigned index) const override { return index < 32 ? f_[index] : 0; }
  void set_f(unsigned index, uint64_t value) override;
  std::optional<uint64_t> csr(unsigned number) override;
  bool set_csr(unsigned number, uint64_t value) override;
  bool machine_mode() const override { return machine_; }
  uint64_t time_ps() const override { return clock_time_.time_ps(clock_); }
  GuestMemory& memory() override { return *this; }

  void on_event(uint64_t tag, uint64_t now_ps) override;
  void state(StateArchive& archive) override;

 private:
  /// The boundary at which a CSR write takes effect: after its instruction.
  struct Moment {
    uint64_t clock;
    uint64_t retired;
  };
  /// A 64-bit counter that follows `clock_` or `retired_` until it is inhibited.
  struct Counter {
    uint64_t base = 0;
    bool inhibited = false;
    uint64_t value(uint64_t source) const { return inhibited ? base : base + source; }
    void set(uint64_t value, uint64_t source) { base = inhibited ? value : value - source; }
    void inhibit(bool on, uint64_t source) {
      const uint64_t now = value(source);
      inhibited = on;
      set(now, source);
    }
  };

  // riscv_core.cc: time, stopping, saving.
  void run_quanta();
  void run(uint64_t quantum_clock);
  /// The clock edge at which the queue's next event (or the horizon) is due.
  uint64_t ahead_clock() {
    const uint64_t limit_ps = queue_.ahead_limit_ps();
    if (limit_ps != ahead_limit_ps_) {
      ahead_limit_ps_ = limit_ps;
      ahead_clock_ = clock_time_.edge_at_or_after(limit_ps);
    }
    return ahead_clock_;
  }
  void run_carefully(const Block& block, uint64_t limit_clock);
  void run_uncached();
  void prepare_scratch(const Block& home, const Operation& operation);
  void schedule();
  void on_progress(uint64_t time_ps);
  void end_waiting();
  void stop(StopReason reason);
  bool at_breakpoint() const;
  bool stop_behind_instruction();
  bool one_by_one() const { return stepping_ || tracer_; }
  TracedStep step_here(TracedStep::Kind kind) const { return {kind, retired_, clock_time_.time_ps(clock_), pc_}; }
  void trace(TracedStep step, uint64_t exceptions_before);
  /// Changes with every instruction that retires and every trap that is entered.
  uint64_t progress() const { return retired_ + exceptions_ + interrupts_; }
  uint64_t user_bit() const { return machine_ ? 0 : 1; }

  // block_builder.cc
  /// Whether a block may have `key`: in RV64 the last instruction of the address space has that of no block.
  static bool is_block_key(uint64_t key) { return Xlen::kBits == 32 || key != Block::kNoKey; }
  Block* find_block();
  Block* build_block();
  unsigned fill_block(Operation* operations, uint32_t region, Block& block);
  void drop_blocks();
  void choose_home();
  void settle_elsewhere();
  void count_in_home(InstructionId id, uint64_t executions);
  uint32_t home_cycles(InstructionKind kind) const {
    return kind == InstructionKind::load ? home_.read_cycles : kind == InstructionKind::store ? home_.write_cycles : 0;
  }
  bool in_home_page(U address, unsigned size_bytes, uint8_t what) const;
  void count_block(Block& block);
  void count_blocks();
  void count_part(const Block& block, const Operation* end);
  void count_operation(const Operation& operation, const Block::Origin& origin);
  void count_fetches(const Block::Origin& origin, uint64_t instructions, uint64_t bytes);
  void find_exits(Block& block, const Operation& last);
  // With a code cache: the lines of the instruction at pc_, and the blocks in them.
  bool fetch_code();
  bool is_there(const Block& block) {
    return !path_.code_cache() || block.is_there(path_.code_cache()->fill_numbers());
  }
  Block* find_block_in_lines();
  bool holds_its_lines(const Block& block);
  const uint8_t* code_at(uint64_t address, const DataPath::Region& region);

  // interpreter.cc
  void execute(Block* block, uint64_t limit_clock) {
    block_limit_ = chain_limit_ = limit_clock;
    run_interpreter(block);
  }
  void run_interpreter(Block* block) {
    if (path_.data_cache()) return interpret<true, true>(block);
    path_.code_cache() ? interpret<true, false>(block) : interpret<false, false>(block);
  }
  template <bool kCaches, bool kLines>
  void interpret(Block* block);
  /// Behind the choice of their handlers.
  void label(std::span<Operation> operations) const {
    for (Operation& operation : operations) operation.label = labels_[operation.handler];
  }
  bool goes_on(uint32_t worst_cycles);
  /// Something may have been scheduled.
  void lower_limits() {
    const uint64_t ahead = ahead_clock();
    if (ahead >= std::max(block_limit_, last_limit_)) [[likely]]
      return;
    last_limit_ = std::min(last_limit_, ahead);
    block_limit_ = std::min(block_limit_, ahead);
    chain_limit_ = std::min(chain_limit_, block_limit_);
  }

  // compiled_run.cc: the second tier. Compiled code calls the functions with CompiledSite.
  void start_tier();
  void run_compiled(Block* block, uint64_t limit_clock, uint64_t last_clock);
  bool carries_on();
  bool next_quantum(uint32_t worst_cycles, uint64_t last_clock);
  bool compile(const Block& block);
  bool may_run(const Block& block) const { return clock_ + block.worst_cycles <= block_limit_; }
  bool fetched(uint64_t key);
  void use_lines(const Block& block);
  bool follow_lines(CompiledBlock& compiled, const Block& decoded);
  void place_lines(CompiledBlock& compiled);
  void forget_compiled();
  void count_compiled();
  void finish_load(const CompiledSite& site, uint32_t loaded);
  template <BusOp kOp>
  CompiledReturn bring_compiled(const CompiledSite& site, U address, uint64_t clock);
  CompiledReturn access_compiled(const CompiledSite& site, U address, uint64_t clock);
  CompiledReturn floating_compiled(const CompiledSite& site, uint64_t clock);
  CompiledReturn csr_compiled(const CompiledSite& site, uint64_t clock);
  CompiledReturn system_compiled(const CompiledSite& site, uint64_t clock);
  bool execute_floating(const Operation& operation);
  void leave(const Block& block, const Operation& operation, uint64_t clock, bool completed);
  // While these run, clock_ holds what the block has taken beyond its operations' own cycles; values pass in
  // transfer_.
  AccessKind load(U address, unsigned size_bytes, uint16_t cycles_before);
  AccessKind store(U address, unsigned size_bytes, uint16_t cycles_before);
  AccessKind finish_access(const AccessResult& result, TrapCause cause, U address);
  AccessKind finish_read(const AccessResult& result, U address, unsigned size_bytes);
  AccessKind finish_write(const AccessResult& result, U address, unsigned size_bytes);
  AccessKind atomic(const Operation& operation);

  // privilege.cc: traps, system instructions.
  void take_trap(TrapCause cause, U value, BusResponse response = BusResponse::ok);
  /// Of an access that was refused; one that has to wait for its request is no trap.
  void take_pending_trap() {
    if (!blocked_) take_trap(pending_.cause, pending_.value, pending_.response);
  }
  void enter_trap(U cause_bits, bool interrupt, U value, BusResponse response);
  bool interrupt_is_due() const { return pending_interrupts() && (!machine_ || (mstatus_ & kMstatusMie)); }
  bool take_interrupt();
  void illegal_instruction();
  void execute_system(const Operation& operation);
  void execute_csr(const Operation& operation);
  bool exchange_csr(const Operation& operation);
  bool csr_ends_block(const Block& block, const Operation& operation, uint64_t clock);
  void execute_cache(const Operation& operation);
  void execute_mret(const Operation& operation);
  void execute_ebreak(const Operation& operation);
  bool semihosting_sequence();
  void retire(const Operation& operation);
  void privilege_changed();

  // csr.cc
  bool csr_exists(unsigned number, bool write) const;
  bool read_csr(unsigned number, U& value) const;
  bool write_csr(unsigned number, U value, const Moment& after);
  void write_mstatus(U value);
  U read_mstatus() const;
  bool read_counter(unsigned number, U& value) const;
  void write_counter(unsigned number, U value, const Moment& after);
  U read_pmpcfg(unsigned index) const;
  void write_pmpcfg(unsigned index, U value);

  // GuestMemory
  bool peek(uint64_t address, std::span<uint8_t> bytes) override;
  bool poke(uint64_t address, std::span<const uint8_t> bytes) override;
  bool debug_access(BusOp op, uint64_t address, uint8_t* data, size_t size_bytes);

  bool pending_interrupts() const { return (pins_ & mie_) != 0; }

  CoreConfig config_;
  BusPort& bus_;
  EventQueue& queue_;
  CoreClock clock_time_;
  EventQueue::ClientId client_;
  Pmp pmp_;
  DataPath path_;
  BlockCache blocks_;
  std::array<uint16_t, kInstructionKinds> cost_{};

  std::array<U, 33> x_{};      ///< the last takes what is written to x0
  std::array<Float, 32> f_{};  ///< RV64: a binary32 in it is boxed (nan_boxing.h)
  U pc_ = 0;
  uint64_t clock_ = 0;
  uint64_t retired_ = 0;
  uint64_t idle_cycles_ = 0;
  bool machine_ = true;
  bool data_machine_ = true;  ///< privilege of loads and stores (MPRV)
  uint8_t fs_ = 0;            ///< mstatus.FS: 0 Off, 1 Initial, 2 Clean, 3 Dirty
  uint32_t fflags_ = 0;
  uint32_t frm_ = 0;
  bool reserved_ = false;
  U reservation_ = 0;

  U mstatus_ = 0;  ///< without FS and SD
  U mie_ = 0;
  U pins_ = 0;  ///< mip
  U mtvec_ = 0, mscratch_ = 0, mepc_ = 0, mcause_ = 0, mtval_ = 0;
  U mcounteren_ = 0, menvcfg_ = 0;
  Counter mcycle_, minstret_;

  std::unique_ptr<CompiledCode> compiled_;  ///< nullptr: the interpreter does everything
  HomeMemory home_;                         ///< for which the blocks are made
  /// Bytes of loads and stores that their blocks count as the home's, and that pages elsewhere have counted.
  uint64_t elsewhere_read_bytes_ = 0, elsewhere_write_bytes_ = 0;
  bool compiled_stale_ = false;  ///< blocks were dropped; while compiled code may still run, it stays

  uint64_t ahead_limit_ps_ = 0;  ///< of the queue, and the clock edge that it is
  uint64_t ahead_clock_ = 0;
  // Clock edges by which the block that runs, and those that follow it, must have ended.
  uint64_t block_limit_ = 0;
  uint64_t chain_limit_ = 0;
  uint64_t last_limit_ = 0;  ///< the same of all quanta that compiled code may start
  uint64_t quantum_cycles_ = 0;
  uint64_t run_end_clock_ = 0;  ///< where quanta no longer follow one another without the queue
  uint64_t transfer_ = 0;       ///< little-endian value of a slow load or store
  struct Pending {
    TrapCause cause = TrapCause::illegal_instruction;
    U value = 0;
    BusResponse response = BusResponse::ok;
  } pending_;

  bool waiting_ = false;
  bool blocked_ = false;  ///< the instruction at pc_ waits for an answer of the memory
  bool again_ = false;    ///< it has waited, and begins anew before anything else
  struct HeldRead {
    bool valid = false;
    U address = 0;
    uint64_t value = 0;
  } held_;  ///< of an AMO whose write waits
  bool scheduled_ = false;
  StopReason stop_reason_ = StopReason::none;
  uint64_t instruction_limit_ = UINT64_MAX;
  U last_trap_pc_ = 0;
  uint64_t last_trap_retired_ = UINT64_MAX;
  const void* const* labels_ = nullptr;  ///< of the handlers of the interpreter that this core has
  Block nowhere_;                        ///< place of the key that no block may have
  Block::Origin left_;                   ///< where the instruction lies that is executed outside its block
  bool left_early_ = false;              ///< a block was left in the middle or ended in a system instruction
  uint32_t bounded_latency_ = 0;
  // Debugging: a block never holds a breakpoint but at its start, and such a block is never put into the cache, so
  // that nothing is tested while blocks follow one another.
  static constexpr uint64_t kNotPassed = UINT64_MAX;
  std::vector<uint64_t> breakpoints_;  ///< sorted
  uint64_t passed_ = kNotPassed;       ///< progress() at which the breakpoint at pc_ was reported already
  bool stepping_ = false;
  uint64_t step_start_ = 0;  ///< progress() at the start of the step
  StepTracer* tracer_ = nullptr;
  WatchHit watch_hit_;
  Block breakpoint_block_;
  Block scratch_;
  std::array<Operation, 2> scratch_operations_{};

  std::array<uint64_t, kInstructionKinds> kinds_{};
  uint64_t branches_taken_ = 0, exceptions_ = 0, interrupts_ = 0;
};

}  // namespace backboard
