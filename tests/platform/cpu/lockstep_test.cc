// The interpreter and compiled code side by side: after any number of instructions they agree on everything.
#include <algorithm>
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "platform/cpu/riscv_core.h"
#include "tests/platform/cpu/lockstep_program.h"
#include "tests/support/machine.h"

using namespace backboard;
using test::FlatBus;
using test::LockstepProgram;
using test::Machine;

namespace {

constexpr uint32_t kInstructions = 1500;
#ifndef LOCKSTEP_PROGRAMS
#define LOCKSTEP_PROGRAMS 3000
#endif

/// A machine whose device tells the time of every access, asks for interrupts, and lets others come by themselves.
class Side final : public EventClient {
 public:
  Machine m;
  std::vector<uint64_t> accesses;

  Side(const LockstepProgram& program, uint32_t seed, const CoreConfig& config)
      : m(config), client_(m.queue.add_client("device", EventRank::device, *this)) {
    std::mt19937 random(seed);
    m.bus.read_latency_ps = random() % 4 * 5000;
    m.bus.write_latency_ps = random() % 3 * 5000;
    period_ps_ = 300'000 + random() % 20'000'000;
    m.bus.on_device = [this](BusAccess& access, uint64_t& delay_ps) { return serve(access, delay_ps); };
    const auto& bytes = program.program().bytes();
    std::copy(bytes.begin(), bytes.end(), m.bus.at(Machine::kBase));
    m.load(LockstepProgram::handler(), Machine::kHandler);
    for (uint32_t a = Machine::kData - 0x1000; a < Machine::kData + 0x3000; a += 4) {
      m.bus.set_word(a, LockstepProgram::corner(random));
    }
    m.start();
    for (unsigned i = 1; i < 32; ++i) m.core->set_x(i, random() % 3 ? random() : random() % 64);
    for (unsigned i = 0; i < 32; ++i) m.core->set_f(i, LockstepProgram::corner(random));
    m.core->set_x(LockstepProgram::kStack, Machine::kData + 0x1000);
    m.core->set_x(LockstepProgram::kData, Machine::kData + random() % 64);
    m.core->set_x(LockstepProgram::kData2, Machine::kData + 0x2000 - random() % 16);
    m.core->set_x(LockstepProgram::kDevice, FlatBus::kDevice);
    m.core->set_x(LockstepProgram::kCode, Machine::kBase);
    m.core->set_csr(csr::kFCSR, random() % 2 ? 0 : random() % 256);
    m.core->set_csr(csr::kMIE, 0x80);
    m.core->set_csr(csr::kMSTATUS, 0x2008);
    if (random() % 4 == 0) lock_a_piece(random);
    m.queue.schedule(m.queue.now_ps() + period_ps_, client_);
  }

  void on_event(uint64_t tag, uint64_t now_ps) override {
    m.core->set_level(7, true);
    if (tag == 0) m.queue.schedule(now_ps + period_ps_, client_);
  }

  std::vector<uint64_t> registers() {
    std::vector<uint64_t> values{m.core->pc(), m.core->time_ps(), static_cast<uint64_t>(m.core->stop_reason())};
    for (unsigned i = 0; i < 32; ++i) values.insert(values.end(), {m.core->x(i), m.core->f(i)});
    for (unsigned number = 0; number < 4096; ++number) {
      if (const auto value = m.core->csr(number)) values.push_back(*value);
    }
    const CoreStatistics s = m.core->statistics();
    values.insert(values.end(),
                  {s.instructions, s.active_cycles, s.idle_cycles, s.loads, s.stores, s.atomics, s.branches,
                   s.branches_taken, s.jumps, s.multiplies, s.divides, s.fp, s.csr, s.exceptions, s.interrupts});
    for (const DirectTraffic& t : m.core->direct_traffic()) {
      values.insert(values.end(), {t.first, t.last, t.data_read_bytes, t.data_write_bytes, t.code_read_bytes});
    }
    const CoreCaches caches = m.core->caches();
    for (const auto& c : {caches.code, caches.data}) {
      if (!c) continue;
      values.insert(values.end(), {c->reads, c->writes, c->read_misses, c->write_misses, c->fills, c->write_backs,
                                   c->bypassed, c->invalidates, c->cleans, c->flushes});
    }
    return values;
  }
  std::vector<uint64_t> traps() const {
    std::vector<uint64_t> values;
    for (const Trap& t : m.log.traps) values.insert(values.end(), {t.pc, t.value, t.time_ps, t.cause, t.interrupt});
    return values;
  }

 private:
  BusResponse serve(BusAccess& access, uint64_t& delay_ps) {
    accesses.insert(accesses.end(), {access.address, access.time_ps});
    delay_ps += 12'000 + access.address % 16 * 3'000;
    const uint64_t offset = access.address - FlatBus::kDevice;
    if (access.op == BusOp::read) {
      const auto value = static_cast<uint32_t>(access.time_ps / 1000);
      std::memcpy(access.data, &value, access.size);
      return offset == 12 ? BusResponse::target : BusResponse::ok;
    }
    if (offset == 4) m.core->set_level(7, false);
    if (offset == 8) m.queue.schedule(access.time_ps + 20'000 + accesses.size() % 7 * 10'000, client_, 1);
    if (offset == 12) m.core->set_level(7, true);
    return BusResponse::ok;
  }
  /// PMP, locked so that machine mode obeys it: 64 bytes of the data may not be written (or not read).
  void lock_a_piece(std::mt19937& random) {
    m.core->set_csr(csr::kPMPADDR0, (Machine::kData + random() % 16 * 64) >> 2 | 7);
    m.core->set_csr(csr::kPMPCFG0, 0x98 | random() % 2);
  }

  EventQueue::ClientId client_;
  uint64_t period_ps_ = 0;
};

/// Caches that hold a few lines, so that these come and go: one of them, both, with data or without.
void add_caches(CoreConfig& config, uint32_t seed) {
  std::mt19937 random(seed ^ 0xcac4e);
  config.cacheable = {{Machine::kBase, Machine::kBase + 0xfffff}};
  const unsigned which = 1 + random() % 4;  // 4: both again
  config.code_cache.enabled = which != 2;
  config.data_cache.enabled = which != 1;
  for (CacheConfig* cache : {&config.code_cache, static_cast<CacheConfig*>(&config.data_cache)}) {
    cache->size_bytes = 256u << random() % 3;
    cache->ways = 1u << random() % 2;
    cache->line_bytes = 16u << random() % 3;
    cache->data = random() % 2;
    cache->miss_cycles = random() % 3;
  }
  config.data_cache.hit_cycles = random() % 2;
  if (random() % 4 == 0) config.data_cache.writes = CacheWrites::through;
  config.data_cache.write_allocate = random() % 4 != 0;
}

struct Totals {
  uint64_t instructions = 0, exceptions = 0, interrupts = 0, fp = 0, fills = 0;
};

void compare(uint32_t seed, Totals& totals, LockstepProgram::Mix mix = LockstepProgram::Mix::everything) {
  INFO("program " << seed);
  CoreConfig interpreted, compiled;
  // Each extension in half of the programs.
  interpreted.isa = compiled.isa = Isa::rv32imafc.with(static_cast<IsaExtension>(seed >> 1 & 7));
  const LockstepProgram program(seed, interpreted.isa, mix);
  std::mt19937 random(seed ^ 0x5eed);
  interpreted.jit = JitUse::off;
  compiled.jit_after = random() % 3 == 0 ? 3 : 0;
  static constexpr uint64_t kQuanta[] = {100'000'000, 1'000'000, 50'000};
  compiled.quantum_ps = kQuanta[random() % 3];
  interpreted.misaligned_traps = compiled.misaligned_traps = random() % 8 == 0;
  if (seed % 2) {
    add_caches(interpreted, seed);
    add_caches(compiled, seed);
  }
  Side one(program, seed, interpreted), two(program, seed, compiled);
  for (uint32_t done = 0; done < kInstructions;) {
    const uint32_t step = 1 + random() % (random() % 4 == 0 ? 20 : 700);
    one.m.run(step);
    two.m.run(step);
    done += step;
    INFO("behind " << done << " instructions");
    REQUIRE(one.registers() == two.registers());
  }
  REQUIRE(one.m.bus.ram() == two.m.bus.ram());
  REQUIRE(one.traps() == two.traps());
  REQUIRE(one.accesses == two.accesses);
  const CoreStatistics s = one.m.core->statistics();
  totals.instructions += s.instructions;
  totals.exceptions += s.exceptions;
  totals.interrupts += s.interrupts;
  totals.fp += s.fp;
  const CoreCaches caches = one.m.core->caches();
  totals.fills += (caches.code ? caches.code->fills : 0) + (caches.data ? caches.data->fills : 0);
}

/// A tenth of the programs, so that CTest runs several side by side.
void compare_part(uint32_t part) {
  static constexpr uint32_t kParts = 10;
  Totals totals;
  uint32_t count = 0;
  for (uint32_t seed = part; seed < LOCKSTEP_PROGRAMS; seed += kParts, ++count) compare(seed, totals);
  // The programs are worth something: they run, trap, are interrupted, compute.
  CHECK(totals.instructions > uint64_t{count} * kInstructions * 9 / 10);
  CHECK(totals.exceptions > uint64_t{count} * 10);
  CHECK(totals.interrupts > uint64_t{count});
  CHECK(totals.fp > uint64_t{count} * 20);
  if (part % 2) CHECK(totals.fills > uint64_t{count} * 20);
}

}  // namespace

TEST_CASE("programs that once parted agree: an interrupt in front of a block whose line was used too early") {
  Totals totals;
  for (const uint32_t seed : {42667u}) compare(seed, totals);
  CHECK(totals.interrupts > 0);
}

/// Long blocks, where registers of the host go from one of the guest's to another, and loops that keep them.
void compare_integers(uint32_t part) {
  static constexpr uint32_t kParts = 2;
  Totals totals;
  uint32_t count = 0;
  for (uint32_t seed = part; seed < LOCKSTEP_PROGRAMS / 2; seed += kParts, ++count) {
    compare(seed, totals, LockstepProgram::Mix::integers);
  }
  CHECK(totals.instructions > uint64_t{count} * kInstructions * 9 / 10);
  CHECK(totals.exceptions > uint64_t{count} / 2);
  CHECK(totals.interrupts > uint64_t{count} / 2);
}

TEST_CASE("interpreted and compiled programs of integers agree in every register, CSR, cycle and byte: 0") {
  compare_integers(0);
}
TEST_CASE("interpreted and compiled programs of integers agree in every register, CSR, cycle and byte: 1") {
  compare_integers(1);
}

#define PART(number)                                                                                             \
  TEST_CASE("interpreted and compiled random programs agree in every register, CSR, cycle and byte: " #number) { \
    compare_part(number);                                                                                        \
  }
PART(0)
PART(1)
PART(2)
PART(3)
PART(4)
PART(5)
PART(6)
PART(7)
PART(8)
PART(9)
