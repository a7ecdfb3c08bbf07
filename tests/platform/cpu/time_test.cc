// Time: what instructions cost, and that nothing else (quantum, block boundaries, direct memory, saving) changes it.
#include <catch2/catch.hpp>
#include <random>

#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::FlatBus;
using test::Machine;
using test::run_board;

namespace {

constexpr uint64_t kCyclePs = 5000;

uint64_t cycles_of(const Program& program, uint64_t count) {
  Machine m;
  m.execute(program, count, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_x(11, 7);
  });
  return m.cycles();
}
uint64_t cycles_of(uint32_t word) {
  return cycles_of(Program() << word, 1);
}

/// A device that raises the timer interrupt every kPeriodPs, from an event of its own.
class Ticker final : public EventClient, public Saved {
 public:
  static constexpr uint64_t kPeriodPs = 777'123;  // between clock edges
  Ticker(EventQueue& queue, Core& core)
      : queue_(queue), core_(core), client_(queue.add_client("ticker", EventRank::device, *this)) {}
  void start() { queue_.schedule(kPeriodPs, client_); }
  void on_event(uint64_t, uint64_t now_ps) override {
    core_.set_level(7, true);
    if (++ticks < 200) queue_.schedule(now_ps + kPeriodPs, client_);
  }
  void state(StateArchive& archive) override { archive.value("ticks", ticks); }
  uint64_t ticks = 0;

 private:
  EventQueue& queue_;
  Core& core_;
  EventQueue::ClientId client_;
};

/// A board with a program that mixes everything: arithmetic, loads and stores, calls, FP, device accesses that
/// schedule events, interrupts that it counts in memory, and WFI.
struct BusyBoard {
  Machine m;
  Ticker ticker;
  uint64_t device_writes = 0;

  explicit BusyBoard(const CoreConfig& config = {}, bool offer_direct = true) : m(config), ticker(m.queue, *m.core) {
    m.bus.offer_direct = offer_direct;
    m.bus.read_latency_ps = 12'000;  // three cycles
    m.bus.write_latency_ps = 4'000;  // one
    m.bus.on_device = [this](BusAccess& access, uint64_t& delay_ps) {
      delay_ps += 33'000;
      if (access.op == BusOp::write) {
        ++device_writes;
        m.core->set_level(7, false);  // acknowledges the tick
      } else {
        const auto value = static_cast<uint32_t>(access.time_ps);
        std::memcpy(access.data, &value, access.size);
      }
      return BusResponse::ok;
    };
    Program handler;  // counts at kData, acknowledges, returns; x30 and x31 are the handler's
    handler.li(31, Machine::kData);
    handler << lw(30, 31, 0) << addi(30, 30, 1) << sw(30, 0, 31);
    handler.li(31, FlatBus::kDevice);
    handler << sw(0, 0, 31) << mret();
    m.load(handler, Machine::kHandler);
    Program program;
    program.li(8, Machine::kData + 64).li(9, FlatBus::kDevice).li(5, 0x80);
    program << csrrs(0, csr::kMIE, 5) << csrrsi(0, csr::kMSTATUS, 8) << addi(6, 0, 0);
    program << fcvt_s_w(1, 5, 7);
    const uint32_t loop = program.here();
    program << addi(6, 6, 1) << mul(10, 6, 6) << andi(11, 6, 31) << slli(11, 11, 2) << add(11, 11, 8);
    program << sw(10, 0, 11) << lw(12, 11, 0) << fdiv_s(2, 1, 1) << fadd_s(1, 1, 2) << div(13, 10, 6);
    program << andi(14, 6, 7);
    program << bne(14, 0, 12) << lw(15, 9, 0) << add(16, 16, 15);  // every eighth time: read the device
    program << andi(14, 6, 63);
    program << bne(14, 0, 8) << wfi();  // every 64th time: wait for the next tick
    program << amoadd_w(17, 6, 8);
    program << jal(0, static_cast<int32_t>(loop) - static_cast<int32_t>(program.here()));
    m.load(program);
  }
  void start() {
    m.start();
    ticker.start();
  }
  std::vector<uint64_t> outcome() {
    std::vector<uint64_t> values = {m.core->pc(), m.core->time_ps(), device_writes, m.log.traps.size()};
    const CoreStatistics s = m.core->statistics();
    values.insert(values.end(),
                  {s.instructions, s.active_cycles, s.idle_cycles, s.loads, s.stores, s.atomics, s.branches,
                   s.branches_taken, s.jumps, s.multiplies, s.divides, s.fp, s.csr, s.interrupts});
    for (unsigned i = 0; i < 32; ++i) values.push_back(m.core->x(i));
    for (unsigned i = 0; i < 32; ++i) values.push_back(m.core->f(i));
    for (const Trap& trap : m.log.traps) values.push_back(trap.time_ps ^ trap.pc << 40);
    for (uint32_t a = 0; a < 256; a += 4) values.push_back(m.bus.word(Machine::kData + a));
    return values;
  }
  uint64_t code_bytes() {
    uint64_t sum = 0;
    for (const DirectTraffic& t : m.core->direct_traffic()) sum += t.code_read_bytes;
    return sum;
  }
};

std::vector<uint64_t> run_busy(const CoreConfig& config, bool offer_direct = true) {
  BusyBoard board(config, offer_direct);
  board.start();
  board.m.run(60'000);
  return board.outcome();
}

}  // namespace

TEST_CASE("Instructions cost what the table says") {
  CHECK(cycles_of(addi(10, 11, 1)) == 1);
  CHECK(cycles_of(lw(10, 8, 0)) == 2);
  CHECK(cycles_of(sw(10, 0, 8)) == 1);
  CHECK(cycles_of(mul(10, 11, 11)) == 3);
  CHECK(cycles_of(div(10, 11, 11)) == 20);
  CHECK(cycles_of(div(10, 0, 11)) == 20);  // whatever the operands
  CHECK(cycles_of(jal(0, 8)) == 2);
  CHECK(cycles_of(beq(0, 11, 8)) == 1);  // not taken
  CHECK(cycles_of(bne(0, 11, 8)) == 2);  // taken
  CHECK(cycles_of(csrrs(10, csr::kMSCRATCH, 0)) == 2);
  CHECK(cycles_of(amoadd_w(10, 8, 11)) == 4);
  CHECK(cycles_of(fadd_s(1, 2, 3)) == 4);
  CHECK(cycles_of(Program() << ecall(), 1) == 4 + 2);  // entry of the trap and the handler's jump
}

TEST_CASE("Memory latency is added per access, rounded up to cycles") {
  for (const bool direct : {true, false}) {
    CoreConfig config;
    config.use_direct_memory = direct;
    Machine m(config);
    m.bus.read_latency_ps = 12'001;   // 3 cycles
    m.bus.write_latency_ps = 10'000;  // 2 cycles
    Program program;
    program << lw(10, 8, 0) << lw(10, 8, 4) << sw(10, 8, 8) << amoadd_w(10, 11, 8);
    m.execute(program, 4, [&] {
      m.core->set_x(8, Machine::kData);
      m.core->set_x(11, Machine::kData);
    });
    CHECK(m.cycles() == 2 * (2 + 3) + (1 + 2) + (4 + 3 + 2));
  }
}

TEST_CASE("A device access starts at the instruction's start and its delay passes") {
  Machine m;
  std::vector<uint64_t> times;
  m.bus.on_device = [&](BusAccess& access, uint64_t& delay_ps) {
    times.push_back(access.time_ps);
    CHECK(access.who.initiator == Initiator::core_data);
    CHECK(access.who.phase == Phase::kCODE);
    delay_ps += 5001;
    return BusResponse::ok;
  };
  Program program;
  program << addi(0, 0, 0) << lw(10, 8, 0) << mul(0, 0, 0) << sw(10, 4, 8) << addi(0, 0, 0);
  m.execute(program, 5, [&] { m.core->set_x(8, FlatBus::kDevice); });
  CHECK(times == std::vector<uint64_t>{1 * kCyclePs, (1 + 2 + 2 + 3) * kCyclePs});
  CHECK(m.cycles() == 1 + (2 + 2) + 3 + (1 + 2) + 1);
}

TEST_CASE("The quantum changes nothing") {
  CoreConfig config;
  config.quantum_ps = 10'000'000'000;
  const auto expected = run_busy(config);
  CHECK(expected[4] == 60'000);  // instructions
  CHECK(expected[17] > 50);      // interrupts
  for (const uint64_t quantum_ps : {uint64_t{1}, uint64_t{7'001}, uint64_t{1'000'000}, uint64_t{100'000'000}}) {
    config.quantum_ps = quantum_ps;
    INFO(quantum_ps);
    CHECK(run_busy(config) == expected);
  }
}

TEST_CASE("Direct memory changes neither results nor times") {
  CoreConfig config;
  const auto expected = run_busy(config);
  config.use_direct_memory = false;
  CHECK(run_busy(config) == expected);
}

TEST_CASE("Stopping after any number of instructions and going on changes nothing") {
  const auto expected = run_busy({});
  std::mt19937 random(5);
  BusyBoard board;
  board.start();
  uint64_t done = 0;
  while (done < 60'000) {
    const uint64_t step = std::min<uint64_t>(1 + random() % 300, 60'000 - done);
    board.m.run(step);
    done += step;
    REQUIRE(board.m.core->statistics().instructions == done);
    REQUIRE(board.m.core->stop_reason() == StopReason::instruction_limit);
  }
  CHECK(board.outcome() == expected);
}

TEST_CASE("A board saved in mid-run and restored in another ends as one that was never saved") {
  BusyBoard never, saved;
  never.start();
  saved.start();
  never.m.run(20'000);
  saved.m.run(20'000);
  StateArchive archive;
  const auto save = [](BusyBoard& board, StateArchive& a) {
    board.m.queue.state(a);
    board.m.core->state(a);
    board.ticker.state(a);
    a.vector("ram", board.m.bus.ram());
    a.value("device writes", board.device_writes);
    a.vector("traps", board.m.log.traps);
  };
  save(saved, archive);
  BusyBoard restored;
  StateArchive reader(archive.bytes(), "test");
  save(restored, reader);
  CHECK(reader.at_end());
  for (BusyBoard* board : {&never, &saved, &restored}) board->m.run(30'000);
  CHECK(saved.outcome() == never.outcome());
  CHECK(restored.outcome() == never.outcome());
  CHECK(restored.code_bytes() == never.code_bytes());
}

TEST_CASE("WFI waits without events of its own and wakes at the interrupt, enabled or not") {
  for (const bool enabled : {true, false}) {
    Machine m;
    Program program;
    program << wfi() << addi(5, 5, 1) << jal(0, 0);
    m.load(program);
    m.start();
    m.core->set_csr(csr::kMIE, 0x80);
    if (enabled) m.core->set_csr(csr::kMSTATUS, 8);
    run_board(m.queue, *m.core);
    CHECK(m.core->waiting_for_interrupt());
    CHECK(m.queue.next_time_ps() == EventQueue::kNever);
    m.queue.run_until(1'000'001);
    m.core->set_level(3, true);  // not enabled in mie: sleeps on
    CHECK(m.core->waiting_for_interrupt());
    m.core->set_level(7, true);
    CHECK(!m.core->waiting_for_interrupt());
    CHECK(m.core->time_ps() == 1'005'000);  // the next edge of 200 MHz
    m.run(1);
    CHECK(m.log.traps.size() == (enabled ? 1 : 0));
    if (enabled) CHECK(m.csr(csr::kMEPC) == Machine::kBase + 4);
    CHECK(m.x(5) == (enabled ? 0 : 1));
    CHECK(m.core->statistics().idle_cycles == 201 - 4);
  }
}

TEST_CASE("An interrupt of time t is taken by the instruction that starts at t or at the first edge behind it") {
  for (const uint64_t raised_ps : {uint64_t{49'999}, uint64_t{50'000}, uint64_t{50'001}}) {
    Machine m;
    Program program;
    for (int i = 0; i < 60; ++i) program << addi(5, 5, 1);
    m.load(program);
    m.start();
    m.core->set_csr(csr::kMIE, 0x80);
    m.core->set_csr(csr::kMSTATUS, 8);
    struct Raise final : EventClient {
      Core& core;
      explicit Raise(Core& c) : core(c) {}
      void on_event(uint64_t, uint64_t) override { core.set_level(7, true); }
    } raise(*m.core);
    m.queue.schedule(raised_ps, m.queue.add_client("raise", EventRank::device, raise));
    m.run(30);
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].time_ps == (raised_ps <= 50'000 ? 50'000u : 55'000u));
    CHECK(m.x(5) == (raised_ps <= 50'000 ? 10u : 11u));
  }
}

TEST_CASE("A stop that a device asks for comes behind the store that asked") {
  Machine m;
  m.bus.on_device = [&](BusAccess&, uint64_t&) {
    m.core->request_stop();
    return BusResponse::ok;
  };
  Program program;
  program << addi(5, 5, 1) << sw(0, 0, 8) << addi(5, 5, 1) << jal(0, 0);
  m.load(program);
  m.start();
  m.core->set_x(8, FlatBus::kDevice);
  run_board(m.queue, *m.core);
  CHECK(m.core->stop_reason() == StopReason::requested);
  CHECK(m.core->pc() == Machine::kBase + 8);
  CHECK(m.core->statistics().instructions == 2);
  CHECK(m.queue.next_time_ps() == EventQueue::kNever);
}

TEST_CASE("Direct traffic counts every byte of data and code") {
  Machine m;
  Program program;
  program << lw(10, 8, 0) << lbu(10, 8, 1) << sh(10, 2, 8) << addi(6, 6, -1) << bne(6, 0, -16) << ecall();
  m.execute(program, 5 * 100 + 1, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_x(6, 100);
  });
  const auto traffic = m.core->direct_traffic();
  REQUIRE(traffic.size() == 1);
  CHECK(traffic[0].data_read_bytes == 100 * 5);
  CHECK(traffic[0].data_write_bytes == 100 * 2);
  CHECK(traffic[0].code_read_bytes == (5 * 100 + 1) * 4);
  CHECK(m.bus.transactions == 0);
  const CoreStatistics s = m.core->statistics();
  CHECK(s.loads == 200);
  CHECK(s.stores == 100);
  CHECK(s.branches == 100);
  CHECK(s.branches_taken == 99);
  CHECK(s.jumps == 1);
}

TEST_CASE("An excluded range is reached over the bus only, its neighbours directly") {
  Machine m;
  m.core->exclude_from_direct(Machine::kData + 8, Machine::kData + 15);
  Program program;
  program << sw(8, 4, 8) << sw(8, 8, 8) << sw(8, 12, 8) << sw(8, 16, 8) << lw(10, 8, 8);
  m.execute(program, 5, [&] { m.core->set_x(8, Machine::kData); });
  CHECK(m.bus.transactions == 3);
  CHECK(m.x(10) == Machine::kData);
}

TEST_CASE("Code outside direct memory runs too, fetched over the bus at its own delay") {
  Machine m;
  m.bus.offer_direct = false;
  m.bus.read_latency_ps = 5'000;
  Program program;
  program.half(c_ci(1, 2, 10, 5));
  program << addi(10, 10, 1);
  uint64_t code = 0;
  m.bus.on_access = [&](const BusAccess& access) {
    if (access.who.initiator == Initiator::core_code) code += access.size;
  };
  m.execute(program, 2);
  CHECK(m.x(10) == 6);
  CHECK(code == 6);
  CHECK(m.cycles() == 2 + 3);  // a cycle for each half-word fetched
}

TEST_CASE("Changed code is executed after FENCE.I, invalidate() or poke(), and not promised before") {
  Machine m;
  Program program;  // stores x12 over the instruction at `target`
  program << addi(10, 0, 0) << jal(1, 20) << sw(12, 0, 11) << fence_i() << jal(1, 8) << jal(0, 0) << addi(10, 10, 1)
          << jalr(0, 1, 0);
  m.load(program);
  m.start();
  m.core->set_x(11, Machine::kBase + 24);
  m.core->set_x(12, addi(10, 10, 100));
  m.run(9);
  CHECK(m.x(10) == 101);
  const uint32_t word = addi(10, 10, 3);
  uint8_t bytes[4];
  std::memcpy(bytes, &word, 4);
  CHECK(m.core->memory().poke(Machine::kBase + 24, bytes));
  m.core->set_pc(Machine::kBase + 24);
  m.run(1);
  CHECK(m.x(10) == 104);
}
