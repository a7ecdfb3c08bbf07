// Random programs: however the core runs them, block by block, one by one, over the bus, the outcome is the same.
#include <algorithm>
#include <catch2/catch.hpp>
#include <optional>
#include <random>

#include "platform/bus/access_requests.h"
#include "platform/cpu/decode.h"
#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

constexpr uint32_t kInstructions = 3000;
constexpr uint32_t kProgramBytes = 0x1000;

/// Instructions of the table with random operands, 16-bit ones and plain noise between them. CSR and system
/// instructions are left out: they could switch the handler off.
std::vector<uint8_t> random_program(std::mt19937& random, Isa isa = Isa::rv32imafc) {
  const auto rows = instruction_table(isa);
  const auto compressed = compressed_table(isa);
  Program program;
  while (program.here() < kProgramBytes) {
    const uint32_t kind = random() % 16;
    if (kind == 0) {
      program.half(static_cast<uint16_t>(random()));
    } else if (kind < 4) {
      const auto& row = compressed[random() % compressed.size()];
      program.half(static_cast<uint16_t>(row.match | (random() & ~uint32_t{row.mask} & 0xffff)));
    } else {
      const InstructionRow& row = rows[random() % rows.size()];
      if (row.kind == InstructionKind::csr || row.kind == InstructionKind::system) continue;
      uint32_t operands = static_cast<uint32_t>(random()) & ~row.mask;
      if (row.kind == InstructionKind::branch || row.kind == InstructionKind::jump) operands &= ~0xf0000000u;
      program << (row.match | operands);
    }
  }
  return program.bytes();
}

struct Outcome {
  std::vector<uint64_t> values;
  std::vector<uint8_t> ram;
  std::vector<uint64_t> times_ps = {};  ///< the end, and each trap
  bool operator==(const Outcome&) const = default;
};

void add(Outcome& outcome, const std::optional<CacheCounters>& c) {
  if (!c) return;
  outcome.values.insert(outcome.values.end(), {c->reads, c->writes, c->read_misses, c->write_misses, c->fills,
                                               c->write_backs, c->bypassed, c->cleans, c->flushes, c->invalidates});
}

/// Small caches, so that lines come and go.
CoreConfig with_caches(bool data) {
  CoreConfig config;
  config.cacheable = {{0x80000000, 0x800fffff}};
  config.code_cache.enabled = config.data_cache.enabled = true;
  config.code_cache.data = config.data_cache.data = data;
  config.code_cache.size_bytes = config.data_cache.size_bytes = 512;
  config.code_cache.ways = config.data_cache.ways = 2;
  config.code_cache.line_bytes = config.data_cache.line_bytes = 32;
  config.data_cache.hit_cycles = 1;
  return config;
}

Outcome run(const std::vector<uint8_t>& program, uint32_t seed, const CoreConfig& config, bool offer_direct,
            uint32_t step, bool by_requests = false) {
  Machine m(config);
  AccessRequests port(m.bus, m.queue, 4);
  if (by_requests) m.core->use_requests(port, {{Machine::kBase, m.bus.base() + m.bus.ram().size() - 1}});
  m.bus.offer_direct = offer_direct;
  // Without caches, fetches over the bus would add theirs.
  m.bus.read_latency_ps = m.bus.write_latency_ps = config.data_cache.enabled ? 32'000 : 0;
  std::copy(program.begin(), program.end(), m.bus.at(Machine::kBase));
  Program handler;  // skips half a word of what trapped, comes back; scratch register saved in mscratch
  handler << csrrw(0, csr::kMSCRATCH, 5) << csrrs(5, csr::kMEPC, 0) << addi(5, 5, 2) << csrrw(0, csr::kMEPC, 5)
          << csrrs(5, csr::kMSCRATCH, 0) << mret();
  m.load(handler, Machine::kHandler);
  // Behind the program lies a jump back, as far as the random code leaves it alone.
  m.bus.set_word(Machine::kBase + static_cast<uint32_t>(program.size()), jal(0, -static_cast<int32_t>(program.size())));
  m.start();
  std::mt19937 random(seed);
  for (unsigned i = 1; i < 32; ++i) {
    const auto value = static_cast<uint32_t>(random());
    // RV64: every sixth binary32 is not boxed.
    const bool wide = config.isa.width_bits == 64;
    const uint64_t high = !wide                      ? 0
                          : i % 2 == 0 || i % 6 == 1 ? uint64_t{value * 0x9e3779b9u} << 32
                                                     : ~uint64_t{0} << 32;
    m.core->set_x(i, i % 4 == 0 ? value | high : Machine::kData + value % 0x2000);
    m.core->set_f(i, value | high);
  }
  uint32_t done = 0;
  while (done < kInstructions && m.core->stop_reason() != StopReason::lockup &&
         m.log.traps.size() < 10 * kInstructions) {
    m.run(std::min(step, kInstructions - done));
    done += step;
  }
  const CoreStatistics s = m.core->statistics();
  Outcome outcome{{m.core->pc(), s.instructions, s.loads, s.stores, s.atomics, s.branches, s.branches_taken, s.jumps,
                   s.multiplies, s.divides, s.fp, s.exceptions, m.csr(csr::kFCSR), m.csr(csr::kMINSTRET),
                   static_cast<uint64_t>(m.core->stop_reason())},
                  m.bus.ram(),
                  {m.core->time_ps(), m.csr(csr::kMCYCLE)}};
  for (unsigned i = 0; i < 32; ++i) outcome.values.insert(outcome.values.end(), {m.core->x(i), m.core->f(i)});
  const CoreCaches caches = m.core->caches();
  add(outcome, caches.code);
  add(outcome, caches.data);
  for (const Trap& t : m.log.traps) {
    outcome.values.insert(outcome.values.end(), {t.pc, t.value, t.cause});
    outcome.times_ps.push_back(t.time_ps);
  }
  return outcome;
}

}  // namespace

TEST_CASE("Random programs end equal in blocks, one by one, in pieces, and over the bus") {
  std::mt19937 random(2024);
  uint64_t exceptions = 0, instructions = 0;
  for (uint32_t round = 0; round < 150; ++round) {
    CoreConfig config;
    if (round % 2) config.isa = config.isa.with(IsaExtension::b);
    const auto program = random_program(random, config.isa);
    const Outcome expected = run(program, round, config, true, kInstructions);
    instructions += expected.values[1];
    exceptions += expected.values[11];
    INFO("round " << round);
    config.quantum_ps = 1;
    REQUIRE(run(program, round, config, true, kInstructions) == expected);
    config.quantum_ps = 100'000'000;
    REQUIRE(run(program, round, config, true, 7) == expected);
    config.use_direct_memory = false;
    REQUIRE(run(program, round, config, true, kInstructions) == expected);
  }
  CHECK(instructions > 100'000);
  CHECK(exceptions > 1'000);
}

TEST_CASE("RV64: random programs end equal in blocks, one by one, in pieces, over the bus, and with caches") {
  std::mt19937 random(64);
  uint64_t exceptions = 0, instructions = 0;
  for (uint32_t round = 0; round < 100; ++round) {
    CoreConfig config;
    config.isa = Isa::rv64imafdc;
    if (round % 2) config.isa = config.isa.with(IsaExtension::b);
    const auto program = random_program(random, config.isa);
    const Outcome expected = run(program, round, config, true, kInstructions);
    instructions += expected.values[1];
    exceptions += expected.values[11];
    INFO("round " << round);
    config.quantum_ps = 1;
    REQUIRE(run(program, round, config, true, kInstructions) == expected);
    config.quantum_ps = 100'000'000;
    REQUIRE(run(program, round, config, true, 7) == expected);
    config.use_direct_memory = false;
    REQUIRE(run(program, round, config, true, kInstructions) == expected);
    CoreConfig cached = with_caches(round % 2 == 0);
    cached.isa = config.isa;
    const Outcome with = run(program, round, cached, true, kInstructions);
    REQUIRE(run(program, round, cached, true, 7) == with);
    cached.quantum_ps = 1;
    REQUIRE(run(program, round, cached, true, kInstructions) == with);
  }
  CHECK(instructions > 50'000);
  CHECK(exceptions > 500);
}

TEST_CASE("Random programs hit and miss the caches equally in blocks, one by one, and in pieces") {
  std::mt19937 random(2025);
  for (uint32_t round = 0; round < 100; ++round) {
    const auto program = random_program(random);
    CoreConfig config = with_caches(round % 2 == 0);
    if (round % 3 == 1) config.code_cache.replacement = config.data_cache.replacement = CacheReplacement::plru;
    if (round % 3 == 1) config.code_cache.ways = config.data_cache.ways = 8;
    if (round % 5 == 1) config.data_cache.writes = CacheWrites::through;
    if (round % 7 == 1) config.data_cache.write_allocate = false;
    if (round % 11 == 1) config.code_cache.enabled = false;
    if (round % 13 == 1) config.data_cache.enabled = false;
    INFO("round " << round);
    const Outcome expected = run(program, round, config, true, kInstructions);
    config.quantum_ps = 1;
    REQUIRE(run(program, round, config, true, kInstructions) == expected);
    config.quantum_ps = 100'000'000;
    REQUIRE(run(program, round, config, true, 7) == expected);
    if (!config.data_cache.enabled) continue;
    config.use_direct_memory = false;
    REQUIRE(run(program, round, config, true, kInstructions) == expected);
  }
}

TEST_CASE("Random programs end equal when the core is suspended for each line, word and write-back") {
  std::mt19937 random(2026);
  uint64_t faster = 0, slower = 0;
  for (uint32_t round = 0; round < 140; ++round) {
    const Isa isa = round < 100 ? Isa::rv32imafc : Isa::rv64imafdc;
    const auto program = random_program(random, isa);
    CoreConfig config = with_caches(round % 2 == 0);
    config.isa = isa;
    if (round % 5 == 1) config.data_cache.writes = CacheWrites::through;
    if (round % 7 == 1) config.data_cache.write_allocate = false;
    if (round % 11 == 1) config.code_cache.enabled = false;
    if (round % 13 == 1) config.data_cache.enabled = config.use_direct_memory = false;
    INFO("round " << round);
    const Outcome in_line = run(program, round, config, true, kInstructions);
    const Outcome expected = run(program, round, config, true, kInstructions, true);
    // Registers, memory, traps, what the caches did. Times nearly: a dirty line leaves at a clock edge.
    const auto there =
        std::mismatch(expected.values.begin(), expected.values.end(), in_line.values.begin(), in_line.values.end())
            .first;
    INFO("first difference at value " << there - expected.values.begin());
    CHECK((expected.values == in_line.values));
    CHECK((expected.ram == in_line.ram));
    const auto time_in_line = static_cast<double>(in_line.times_ps[0]),
               time = static_cast<double>(expected.times_ps[0]);
    CHECK(time == Approx(time_in_line).epsilon(0.02));
    (time < time_in_line ? faster : slower) += 1;
    config.quantum_ps = 1;
    REQUIRE(run(program, round, config, true, kInstructions, true) == expected);
    config.quantum_ps = 100'000'000;
    REQUIRE(run(program, round, config, true, 7, true) == expected);
    if (!config.data_cache.enabled) continue;
    config.use_direct_memory = false;
    REQUIRE(run(program, round, config, true, kInstructions, true) == expected);
  }
  WARN(faster << " programs faster than in line, " << slower << " slower or equal");
}

TEST_CASE("Noise as a program never crashes the simulator") {
  std::mt19937 random(7);
  for (uint32_t round = 0; round < 200; ++round) {
    CoreConfig config;
    config.isa = round < 100 ? Isa::rv32imafc : Isa::rv64imafdc;
    Machine m(config);
    for (uint8_t& byte : m.bus.ram()) byte = static_cast<uint8_t>(random());
    m.start();
    for (unsigned i = 1; i < 32; ++i) {
      const auto value = static_cast<uint32_t>(random());
      m.core->set_x(i, round < 150 ? value : uint64_t{value} << 32 | ~value);
    }
    m.core->set_csr(csr::kMTVEC, Machine::kBase + (random() & 0xffffc));
    m.run(5'000);
    const StopReason reason = m.core->stop_reason();
    CHECK((reason != StopReason::none || m.core->waiting_for_interrupt()));
  }
}
