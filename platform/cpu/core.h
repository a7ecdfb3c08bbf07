// The RISC-V core as the board sees it: pins, time, counters, the ways to stop it and to look inside.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "platform/bus/access.h"
#include "platform/bus/request.h"
#include "platform/cache/cache.h"
#include "platform/cpu/core_config.h"
#include "platform/events/event_queue.h"
#include "platform/state/archive.h"

namespace backboard {

/// Source of the `time` CSR: CLINT's mtime as it is at a simulated time.
class TimeSource {
 public:
  virtual ~TimeSource() = default;
  virtual uint64_t mtime_at(uint64_t time_ps) const = 0;
};

/// mcause values (Privileged ISA, table "Machine cause register values").
enum class TrapCause : uint8_t {
  instruction_access = 1,
  illegal_instruction = 2,
  breakpoint = 3,
  load_misaligned = 4,
  load_access = 5,
  store_misaligned = 6,
  store_access = 7,
  ecall_user = 8,
  ecall_machine = 11,
};

/// Interrupt pins: the lines of `Core::set_level`, equal to their mcause.
enum class CorePin : uint8_t { software = 3, timer = 7, external = 11 };

/// A trap as it is taken.
struct Trap {
  uint64_t pc = 0;     ///< goes to mepc
  uint64_t value = 0;  ///< goes to mtval
  uint64_t time_ps = 0;
  uint8_t cause = 0;
  bool interrupt = false;
  /// Why the bus refused, for access faults that came from the bus; `ok` for those of PMP and all others.
  BusResponse response = BusResponse::ok;
};

enum class CacheOperation : uint8_t { invalidate, clean, flush };

/// A line of the data cache and the memory behind it came to differ, and somebody met the older bytes.
struct StaleLine {
  enum class Kind : uint8_t {
    core_read,    ///< the core loaded bytes that another master has overwritten in memory since the line was filled
    master_read,  ///< another master read memory, and newer bytes of the core had not been cleaned
    write_back,   ///< a dirty line went to memory over what another master has written there
  };
  Kind kind = Kind::core_read;
  uint64_t address = 0;  ///< first byte of the access; of the line for write_back
  uint32_t size_bytes = 0;
  Initiator initiator = Initiator::core_data;  ///< who met them
};

/// Why the core no longer runs.
enum class StopReason : uint8_t {
  none,
  requested,          ///< request_stop(): test finisher, tohost, semihosting, Ctrl-C
  instruction_limit,  ///< exactly set_instruction_limit() instructions have retired
  lockup,             ///< the first instruction of the trap handler traps: no instruction can ever retire again
  breakpoint,         ///< before the instruction at a breakpoint
  watchpoint,         ///< behind the instruction that touched a watched range
  stepped,            ///< while stepping: one instruction retired, or one trap or interrupt was entered
};
const char* name_of(StopReason reason);

/// Told of what is rare. Never called on the fast path.
class CoreObserver {
 public:
  virtual ~CoreObserver() = default;
  virtual void on_trap(const Trap& trap) { static_cast<void>(trap); }
  /// Zicbom, permitted and about to be carried out.
  virtual void on_cache_operation(CacheOperation operation, uint64_t address, uint64_t pc) {
    static_cast<void>(operation), static_cast<void>(address), static_cast<void>(pc);
  }
  /// A mistake in cache maintenance that shows. Only caches with data can tell; once for each fill of a line.
  virtual void on_stale_line(const StaleLine& line) { static_cast<void>(line); }
  virtual void on_stop(StopReason reason) { static_cast<void>(reason); }
};

/// An instruction that has retired, or has trapped, or an interrupt that was entered before it.
struct TracedStep {
  enum class Kind : uint8_t { retired, exception, interrupt };
  Kind kind = Kind::retired;
  uint64_t number = 0;   ///< instructions retired before it
  uint64_t time_ps = 0;  ///< at which it started
  uint64_t pc = 0;
};

/// Told of every step of the core, behind it.
class StepTracer {
 public:
  virtual ~StepTracer() = default;
  virtual void on_step(const TracedStep& step) = 0;
};

/// Guest memory as the core sees it, for semihosting and debuggers: no time, no side effects, no statistics.
class GuestMemory {
 public:
  virtual ~GuestMemory() = default;
  /// Both return false, with nothing promised about `bytes`, when an address does not answer.
  virtual bool peek(uint64_t address, std::span<uint8_t> bytes) = 0;
  virtual bool poke(uint64_t address, std::span<const uint8_t> bytes) = 0;
};

struct SemihostingReply {
  uint64_t result = 0;  ///< goes to a0
  bool stop = false;    ///< the guest asked to end
};

enum class WatchKind : uint8_t { write = 1, read = 2, access = 3 };

/// Data that a debugger watches: the core stops behind an instruction that touched it. Accesses by other masters and
/// fetches are not seen.
struct Watchpoint {
  uint64_t first = 0;
  uint64_t last = 0;  ///< inclusive
  WatchKind kind = WatchKind::write;
};

struct WatchHit {
  uint64_t address = 0;  ///< first watched byte that was touched
  WatchKind kind = WatchKind::write;
};

/// RISC-V semihosting: called for `slli x0,x0,0x1f; ebreak; srai x0,x0,7`.
class SemihostingHandler {
 public:
  virtual ~SemihostingHandler() = default;
  /// `operation` from a0, `parameter` from a1; words in guest memory are `word_bytes` wide.
  virtual SemihostingReply call(uint64_t operation, uint64_t parameter, unsigned word_bytes, uint64_t time_ps,
                                GuestMemory& memory) = 0;
};

/// Counters since construction, all of retired instructions unless said otherwise.
struct CoreStatistics {
  uint64_t instructions = 0;
  uint64_t active_cycles = 0;  ///< cycles not spent waiting in WFI
  uint64_t idle_cycles = 0;    ///< cycles spent waiting in WFI
  uint64_t loads = 0;          ///< integer and FP loads
  uint64_t stores = 0;         ///< integer and FP stores
  uint64_t atomics = 0;
  uint64_t branches = 0;
  uint64_t branches_taken = 0;
  uint64_t jumps = 0;
  uint64_t multiplies = 0;
  uint64_t divides = 0;
  uint64_t fp = 0;  ///< FP arithmetic, moves and comparisons; not loads and stores
  uint64_t csr = 0;
  uint64_t exceptions = 0;  ///< synchronous traps taken
  uint64_t interrupts = 0;  ///< interrupts taken
};

/// Bytes that the core moved in direct memory, past the bus: the SoC adds them to the bus's own counters.
/// Data belongs to Initiator::core_data, code to Initiator::core_code. Code counts the bytes of every
/// retired instruction once per execution.
struct DirectTraffic {
  uint64_t first = 0;  ///< absolute
  uint64_t last = 0;   ///< absolute, inclusive
  uint64_t data_read_bytes = 0;
  uint64_t data_write_bytes = 0;
  uint64_t code_read_bytes = 0;
};

/// What the caches did; nothing where there is none.
struct CoreCaches {
  std::optional<CacheCounters> code, data;
};

/// A RISC-V core in a board. It lives on the event queue as the last of all ranks: an event at time t is seen by the
/// instruction that starts at t. It never starts an instruction at or after the time of the queue's next event, so the
/// quantum changes neither results nor times. Start it with `start()`, or restore it with the queue.
class Core : public Saved, public EventClient, public IrqSink {
 public:
  /// Power-on or reset. Sets pc to `pc`, all else to the reset state of the manual, and schedules the first instruction
  /// at the queue's current time (next clock edge). Statistics and interrupt pins stay.
  virtual void start(uint64_t pc) = 0;

  /// Level of an interrupt pin (CorePin). Wakes a core in WFI at the queue's current time.
  void set_level(uint32_t line, bool level) override = 0;

  /// Stops at the end of the current instruction when called from within an access of the core, else at the end of the
  /// current quantum or at the core's next event. Safe from a signal handler.
  void request_stop() { stop_requested_.store(true, std::memory_order_relaxed); }
  /// Stops exactly when `count` instructions have retired since construction; UINT64_MAX: never.
  virtual void set_instruction_limit(uint64_t count) = 0;
  virtual StopReason stop_reason() const = 0;
  /// Goes on after a stop, from where it stopped.
  virtual void resume() = 0;
  virtual bool waiting_for_interrupt() const = 0;

  /// A loader or debugger wrote to [first, last] in memory: forgets instructions decoded there, and lines of the caches
  /// follow.
  virtual void invalidate(uint64_t first, uint64_t last) = 0;
  /// Another master of the bus reads or writes memory: finds out whether cache maintenance was forgotten.
  virtual void snoop(BusOp op, uint64_t first, uint64_t size_bytes, Initiator initiator) = 0;
  /// Data accesses that touch [first, last] always become bus transactions (tohost); the data cache leaves their lines
  /// alone.
  virtual void exclude_from_direct(uint64_t first, uint64_t last) = 0;
  /// Forgets every direct region of the bus; they are asked for again (TLM: invalidate_direct_mem_ptr).
  virtual void forget_direct() = 0;

  // For debuggers. None of it is part of the saved state, nor changes results, times or counters of what runs.
  /// Stops before an instruction at any of `addresses`, except the one that it stands at after such a stop.
  virtual void set_breakpoints(const std::vector<uint64_t>& addresses) = 0;
  virtual void set_watchpoints(const std::vector<Watchpoint>& watchpoints) = 0;
  /// The access that led to StopReason::watchpoint.
  virtual WatchHit watch_hit() const = 0;
  /// On: stops with StopReason::stepped once, counted from this call, an instruction retired or a trap was entered.
  virtual void set_stepping(bool on) = 0;
  /// From now on each step is told; nullptr: none any more. The core runs one instruction after the other meanwhile.
  virtual void set_tracer(StepTracer* tracer) = 0;

  virtual CoreStatistics statistics() = 0;
  virtual std::vector<DirectTraffic> direct_traffic() = 0;
  virtual CoreCaches caches() = 0;

  virtual unsigned width_bits() const = 0;
  /// Of a floating-point register: 64 with the D extension. There f() and set_f() see a binary32 boxed.
  virtual unsigned float_bits() const = 0;
  virtual uint64_t pc() const = 0;
  virtual void set_pc(uint64_t pc) = 0;
  virtual uint64_t x(unsigned index) const = 0;
  virtual void set_x(unsigned index, uint64_t value) = 0;
  virtual uint64_t f(unsigned index) const = 0;
  virtual void set_f(unsigned index, uint64_t value) = 0;
  /// A CSR as the debugger sees it, at machine level; nothing when the core has none of that number.
  virtual std::optional<uint64_t> csr(unsigned number) = 0;
  virtual bool set_csr(unsigned number, uint64_t value) = 0;
  virtual bool machine_mode() const = 0;
  /// The core's own time: start of its next instruction (or of its wait).
  virtual uint64_t time_ps() const = 0;
  virtual GuestMemory& memory() = 0;
  /// From now on transactions with memory in `ranges` are requests that are answered later (`timing: at`): the core is
  /// suspended until the answer is there, and begins the instruction anew. Before it starts.
  virtual void use_requests(RequestPort& port, std::vector<CoreConfig::MemoryRange> ranges) = 0;

  void set_time_source(const TimeSource* source) { time_source_ = source; }
  void set_observer(CoreObserver* observer) { observer_ = observer; }
  void set_semihosting(SemihostingHandler* handler) { semihosting_ = handler; }

 protected:
  std::atomic<bool> stop_requested_{false};
  const TimeSource* time_source_ = nullptr;
  CoreObserver* observer_ = nullptr;
  SemihostingHandler* semihosting_ = nullptr;
};

/// A core of `config.isa`. Registers itself in `queue` with EventRank::core.
std::unique_ptr<Core> make_core(const CoreConfig& config, BusPort& bus, EventQueue& queue);

}  // namespace backboard
