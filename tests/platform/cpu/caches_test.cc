// The core's caches: what an access costs and moves, what stale lines return, what maintenance does.
#include <catch2/catch.hpp>

#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;
using test::run_board;

namespace {

// At 200 MHz a fill of 32 ns takes 7 cycles; a miss costs 2 more.
constexpr uint64_t kLatencyPs = 32'000;
constexpr uint64_t kFill = 7 + 2;
constexpr uint32_t kLine = 64;

CoreConfig with_data_cache(bool data = true) {
  CoreConfig config;
  config.cacheable = {{Machine::kBase, Machine::kBase + 0xfffff}};
  config.data_cache.enabled = true;
  config.data_cache.data = data;
  config.data_cache.size_bytes = 1024;  // 8 sets of 2
  config.data_cache.ways = 2;
  return config;
}

CoreConfig with_code_cache(bool data = true) {
  CoreConfig config;
  config.cacheable = {{Machine::kBase, Machine::kBase + 0xfffff}};
  config.code_cache.enabled = true;
  config.code_cache.data = data;
  config.code_cache.size_bytes = 1024;
  config.code_cache.ways = 2;
  return config;
}

struct Moved {
  BusOp op;
  uint64_t address;
  uint32_t size;
  Initiator initiator;
  bool operator==(const Moved&) const = default;
};

/// A machine that notes its transactions; x8 points to data.
struct Bench : Machine {
  explicit Bench(const CoreConfig& config) : Machine(config) {
    bus.read_latency_ps = bus.write_latency_ps = kLatencyPs;
    bus.on_access = [this](const BusAccess& access) {
      if (!access.debug) moved.push_back({access.op, access.address, access.size, access.who.initiator});
    };
  }
  void begin(const Program& program) {
    load(program);
    start();
    core->set_x(8, kData);
    core->set_x(11, 0x11223344);
  }
  /// Cycles that the next `count` instructions take.
  uint64_t cycles_of(uint64_t count) {
    const uint64_t before = cycles();
    run(count);
    return cycles() - before;
  }
  CacheCounters data() { return core->caches().data.value(); }
  CacheCounters code() { return core->caches().code.value(); }

  std::vector<Moved> moved;
};

Moved line_read(uint64_t line) {
  return {BusOp::read, line, kLine, Initiator::core_data};
}
Moved line_write(uint64_t line) {
  return {BusOp::write, line, kLine, Initiator::core_data};
}

}  // namespace

TEST_CASE("A load that misses moves its line and waits for it, the next ones hit") {
  for (const bool data : {true, false}) {
    Bench m(with_data_cache(data));
    m.bus.set_word(Machine::kData + 20, 42);
    m.begin(Program() << lw(10, 8, 20) << lw(10, 8, 24) << lw(10, 8, 60) << lb(10, 8, 20));
    CHECK(m.cycles_of(1) == 2 + kFill);
    CHECK(m.x(10) == 42);
    CHECK(m.moved == std::vector<Moved>{line_read(Machine::kData)});
    CHECK(m.cycles_of(3) == 3 * 2);
    CHECK(m.moved.size() == 1);
    const CacheCounters c = m.data();
    CHECK(c.reads == 4);
    CHECK(c.read_misses == 1);
    CHECK(c.hits() == 3);
    CHECK(c.fills == 1);
    CHECK(m.core->direct_traffic()[0].data_read_bytes == 0);
  }
}

TEST_CASE("A hit costs what the configuration says") {
  CoreConfig config = with_data_cache();
  config.data_cache.hit_cycles = 3;
  config.data_cache.miss_cycles = 5;
  Bench m(config);
  m.begin(Program() << lw(10, 8, 0) << lw(10, 8, 0) << sw(10, 0, 8) << sw(10, 0, 8));
  CHECK(m.cycles_of(1) == 2 + 3 + 7 + 5);
  CHECK(m.cycles_of(1) == 2 + 3);
  CHECK(m.cycles_of(2) == 2 * (1 + 3));
}

TEST_CASE("A dirty line goes to memory when it gives way, behind the line that takes its place") {
  Bench m(with_data_cache());
  // Lines 512 bytes apart share a set of two.
  m.begin(Program() << sw(11, 4, 8) << lw(10, 8, 512) << lw(10, 8, 1024) << lw(10, 8, 4));
  CHECK(m.cycles_of(1) == 1 + kFill);  // write-allocate
  CHECK(m.bus.word(Machine::kData + 4) == 0);
  m.run(1);
  m.moved.clear();
  CHECK(m.cycles_of(1) == 2 + kFill);
  CHECK(m.moved == std::vector<Moved>{line_read(Machine::kData + 1024), line_write(Machine::kData)});
  CHECK(m.bus.word(Machine::kData + 4) == 0x11223344);
  m.run(1);
  CHECK(m.x(10) == 0x11223344);
  CHECK(m.data().write_backs == 1);
}

TEST_CASE("The core waits for the write buffer when two dirty lines give way in a row") {
  Bench m(with_data_cache());
  m.bus.write_latency_ps = 1'000'000;  // 200 cycles
  m.begin(Program() << sw(11, 0, 8) << sw(11, 512, 8) << lw(10, 8, 1024) << lw(10, 8, 1536) << lw(10, 8, 64));
  m.run(2);
  CHECK(m.cycles_of(1) == 2 + kFill);
  // The write-back began when the first line was there, 6.4 cycles after the load started, of which 11 have passed. 200
  // cycles later it ends, and 6.4 later the line is there: 206.4 - 11 + 6.4, rounded up.
  CHECK(m.cycles_of(1) == 2 + 202 + 2);
  CHECK(m.cycles_of(1) == 2 + kFill);  // a clean victim needs no buffer
}

TEST_CASE("The line whose last use lies farthest back gives way, whether or not the uses were seen by the fast path") {
  Bench m(with_data_cache());
  Program program;
  program << lw(10, 8, 0) << lw(10, 8, 512);
  for (int i = 0; i < 20; ++i) program << lw(10, 8, 4);
  program << lw(10, 8, 1024) << lw(10, 8, 0) << lw(10, 8, 512);
  m.begin(program);
  m.run(23);
  m.moved.clear();
  m.run(2);
  CHECK(m.moved == std::vector<Moved>{line_read(Machine::kData + 512)});  // line 0 was still there
}

TEST_CASE("A misaligned access that crosses lines is two accesses") {
  Bench m(with_data_cache());
  m.bus.set_word(Machine::kData + 60, 0xaabbccdd);
  m.bus.set_word(Machine::kData + 64, 0x55667788);
  m.begin(Program() << lw(10, 8, 62) << sw(11, 62, 8) << lw(12, 8, 62));
  CHECK(m.cycles_of(1) == 2 + 2 * kFill);
  CHECK(m.x(10) == 0x7788aabb);
  m.run(2);
  CHECK(m.x(12) == 0x11223344);
  CHECK(m.data().reads == 4);
  CHECK(m.data().writes == 2);
  CHECK(m.data().read_misses == 2);
}

TEST_CASE("A misaligned access that lies in one line is one access, whoever carries it out") {
  constexpr uint32_t kTurns = 100;
  Program program;
  program << lw(5, 8, 1) << sw(11, 61, 8) << sh(11, 67, 8) << lhu(6, 8, 67) << lw(7, 8, 58) << addi(9, 9, -1);
  program << bne(9, 0, -static_cast<int32_t>(program.here()));
  uint64_t cycles[2] = {};
  for (const bool data : {true, false}) {
    for (unsigned way = 0; way < 3; ++way) {
      INFO("data " << data << ", way " << way);
      CoreConfig config = with_data_cache(data);
      config.data_cache.hit_cycles = 1;
      config.jit = way == 0 ? JitUse::on : JitUse::off;
      config.jit_after = 0;
      config.use_direct_memory = way != 2;  // else every access takes the general way
      Bench m(config);
      m.begin(program);
      m.core->set_x(9, kTurns);
      const uint64_t taken = m.cycles_of(7 * kTurns);
      if (way == 0) cycles[data] = taken;
      CHECK(taken == cycles[data]);
      // The store at 61 crosses into the next line: two accesses.
      CHECK(m.data().reads == 3 * kTurns);
      CHECK(m.data().writes == 3 * kTurns);
      CHECK(m.data().read_misses == 1);
      CHECK(m.data().write_misses == 1);
      CHECK(m.x(6) == 0x3344);
      CHECK(m.x(7) == 0x44000000);
      CHECK(m.core->statistics().instructions == 7 * kTurns);
    }
  }
}

TEST_CASE("Write-through: stores go to memory with their own size, and lines stay clean") {
  for (const bool allocate : {true, false}) {
    CoreConfig config = with_data_cache();
    config.data_cache.writes = CacheWrites::through;
    config.data_cache.write_allocate = allocate;
    Bench m(config);
    m.begin(Program() << sw(11, 4, 8) << lw(10, 8, 4) << sb(11, 8, 8) << lw(12, 8, 8));
    m.run(4);
    const uint64_t at = Machine::kData;
    std::vector<Moved> expected{{BusOp::write, at + 4, 4, Initiator::core_data},
                                line_read(at),
                                {BusOp::write, at + 8, 1, Initiator::core_data}};
    if (allocate) std::swap(expected[0], expected[1]);
    CHECK(m.moved == expected);
    CHECK(m.x(10) == 0x11223344);
    CHECK(m.x(12) == 0x44);
    CHECK(m.bus.word(at + 4) == 0x11223344);
    CHECK(m.data().bypassed == 2);
    CHECK(m.data().write_backs == 0);
  }
}

TEST_CASE("Devices and memory outside the cacheable ranges are not cached") {
  CoreConfig config = with_data_cache();
  config.cacheable = {{Machine::kBase, Machine::kBase + 0xffff}};  // the region is larger: not at all
  Bench m(config);
  m.begin(Program() << lw(10, 8, 0) << lw(10, 8, 4));
  CHECK(m.cycles_of(2) == 2 * (2 + 7));
  CHECK(m.data().reads == 0);
  CHECK(m.core->direct_traffic()[0].data_read_bytes == 8);
}

TEST_CASE("Lines of two memories, and memory that is not cached, are the same in each tier") {
  constexpr uint32_t kTurns = 200, kPerTurn = 16;
  // x8 walks through RAM, x12 through the other memory; both lines are loaded from and stored to, also misaligned.
  Program program;
  program << lw(5, 8, 0) << lw(6, 12, 0) << addi(5, 5, 3) << addi(6, 6, 5) << sw(5, 4, 8) << sw(6, 4, 12);
  program << sb(6, 9, 8) << sb(5, 9, 12) << lw(7, 12, 13) << sh(7, 15, 8) << lhu(10, 12, 4) << sw(10, 0, 12);
  program << addi(8, 8, 20) << addi(12, 12, 36) << addi(9, 9, -1);
  program << bne(9, 0, -static_cast<int32_t>(program.here()));
  for (const bool data : {false, true}) {
    for (const bool both_cached : {false, true}) {
      for (const uint32_t line_bytes : {16u, 32u, 64u}) {
        uint64_t cycles[3] = {};
        std::vector<uint8_t> ram[3], side[3];
        CacheCounters counters[3];
        for (unsigned way = 0; way < 3; ++way) {
          CoreConfig config = with_data_cache(data);
          config.data_cache.hit_cycles = 1;
          config.data_cache.line_bytes = line_bytes;
          if (both_cached) config.cacheable.push_back({test::FlatBus::kSide, test::FlatBus::kSide + 0xffff});
          config.jit = way == 0 ? JitUse::on : JitUse::off;
          config.jit_after = 0;
          config.use_direct_memory = way != 2;  // else every access takes the general way
          Bench m(config);
          m.bus.side.assign(0x10000, 0x5a);
          m.begin(program);
          m.core->set_x(9, kTurns);
          m.core->set_x(12, test::FlatBus::kSide);
          cycles[way] = m.cycles_of(kPerTurn * kTurns);
          counters[way] = m.data();
          ram[way] = m.bus.ram();
          side[way] = m.bus.side;
        }
        for (unsigned way = 1; way < 3; ++way) {
          INFO("data " << data << ", both cached " << both_cached << ", lines of " << line_bytes << ", way " << way);
          CHECK(cycles[way] == cycles[0]);
          CHECK(counters[way].reads == counters[0].reads);
          CHECK(counters[way].writes == counters[0].writes);
          CHECK(counters[way].read_misses == counters[0].read_misses);
          CHECK(counters[way].write_misses == counters[0].write_misses);
          CHECK(counters[way].write_backs == counters[0].write_backs);
          CHECK((ram[way] == ram[0]));
          CHECK((side[way] == side[0]));
        }
        // One load of a turn is of RAM, three are of the other memory.
        CHECK(counters[0].reads >= (both_cached ? 4 : 1) * kTurns);
      }
    }
  }
}

TEST_CASE("Excluded bytes and their line are accessed one by one, dirty ones included") {
  Bench m(with_data_cache());
  m.begin(Program() << sw(11, 0, 8) << sw(11, 4, 8) << lw(10, 8, 0) << sw(11, 8, 8));
  m.run(1);
  m.core->exclude_from_direct(Machine::kData + 8, Machine::kData + 15);
  CHECK(m.bus.word(Machine::kData) == 0x11223344);  // what was dirty is there
  m.moved.clear();
  m.run(3);
  const uint64_t at = Machine::kData;
  CHECK(m.moved == std::vector<Moved>{{BusOp::write, at + 4, 4, Initiator::core_data},
                                      {BusOp::read, at, 4, Initiator::core_data},
                                      {BusOp::write, at + 8, 4, Initiator::core_data}});
}

TEST_CASE("With data, what a device writes is not seen before cbo.inval but with tags it is") {
  for (const bool data : {true, false}) {
    Bench m(with_data_cache(data));
    m.begin(Program() << lw(10, 8, 0) << lw(10, 8, 0) << cbo_inval(8) << lw(10, 8, 0));
    m.run(1);
    m.bus.set_word(Machine::kData, 77);
    m.core->snoop(BusOp::write, Machine::kData, 4, Initiator::npu);
    m.run(1);
    CHECK(m.x(10) == (data ? 0 : 77));
    REQUIRE(m.log.stale_lines.size() == (data ? 1 : 0));
    if (data) {
      CHECK(m.log.stale_lines[0].kind == StaleLine::Kind::core_read);
      CHECK(m.log.stale_lines[0].address == Machine::kData);
      CHECK(m.log.stale_lines[0].size_bytes == 4);
    }
    m.run(2);
    CHECK(m.x(10) == 77);
    CHECK(m.data().invalidates == 1);
    CHECK(m.data().fills == 2);
    CHECK(m.log.stale_lines.size() == (data ? 1 : 0));
  }
}

TEST_CASE("With data, what the core writes is not seen by a device before cbo.clean but with tags it is") {
  for (const bool data : {true, false}) {
    for (const bool flush : {false, true}) {
      Bench m(with_data_cache(data));
      m.begin(Program() << sw(11, 0, 8) << (flush ? cbo_flush(8) : cbo_clean(8)) << lw(10, 8, 0));
      m.run(1);
      CHECK(m.bus.word(Machine::kData) == (data ? 0 : 0x11223344));
      m.core->snoop(BusOp::read, Machine::kData - 128, 256, Initiator::npu);
      m.core->snoop(BusOp::read, Machine::kData - 128, 256, Initiator::npu);
      REQUIRE(m.log.stale_lines.size() == (data ? 1 : 0));
      if (data) {
        CHECK(m.log.stale_lines[0].kind == StaleLine::Kind::master_read);
        CHECK(m.log.stale_lines[0].address == Machine::kData);
        CHECK(m.log.stale_lines[0].initiator == Initiator::npu);
      }
      m.moved.clear();
      CHECK(m.cycles_of(1) == 2 + 7);  // of the instruction and of the write, which is waited for
      CHECK(m.moved == std::vector<Moved>{line_write(Machine::kData)});
      CHECK(m.bus.word(Machine::kData) == 0x11223344);
      m.core->snoop(BusOp::read, Machine::kData, 64, Initiator::npu);
      CHECK(m.log.stale_lines.size() == (data ? 1 : 0));
      CHECK(m.cycles_of(1) == 2 + (flush ? kFill : 0));
      CHECK(m.x(10) == 0x11223344);
    }
  }
}

TEST_CASE("A line that a load has brought is dirty behind its first store, whoever asks") {
  enum Asker { device, clean, exclusion, eviction, saving };
  for (const Asker asker : {device, clean, exclusion, eviction, saving}) {
    for (const JitUse jit : {JitUse::on, JitUse::off}) {
      INFO("asker " << asker << ", jit " << (jit == JitUse::on));
      CoreConfig config = with_data_cache();
      config.jit = jit;
      config.jit_after = 0;
      Bench m(config), other(config);
      Program program;
      program << lw(10, 8, 0) << sw(11, 0, 8) << cbo_clean(8) << sw(11, 0, 9) << sw(11, 0, 12);
      m.begin(program);
      m.core->set_x(9, Machine::kData + 512);  // the same set
      m.core->set_x(12, Machine::kData + 1024);
      m.run(2);
      CHECK(m.data().write_misses == 0);
      CHECK(m.bus.word(Machine::kData) == 0);
      if (asker == device) {
        m.core->snoop(BusOp::read, Machine::kData, 4, Initiator::npu);
        REQUIRE(m.log.stale_lines.size() == 1);
        CHECK(m.log.stale_lines[0].kind == StaleLine::Kind::master_read);
        continue;
      }
      if (asker == exclusion) {
        m.core->exclude_from_direct(Machine::kData, Machine::kData + 3);
      } else if (asker == clean) {
        m.run(1);
      } else if (asker == eviction) {
        m.core->set_pc(Machine::kBase + 12);
        m.run(2);
      } else {
        other.bus.ram() = m.bus.ram();
        StateArchive out;
        m.queue.state(out);
        m.core->state(out);
        StateArchive in(out.bytes(), "core");
        other.queue.state(in);
        other.core->state(in);
        other.run(1);
      }
      CHECK((asker == saving ? other : m).bus.word(Machine::kData) == 0x11223344);
      CHECK((asker == saving ? other : m).data().write_backs == (asker == exclusion ? 0 : 1));
    }
  }
}

TEST_CASE("cbo.inval of a dirty line loses its bytes, as on silicon") {
  Bench m(with_data_cache());
  m.bus.set_word(Machine::kData, 5);
  m.begin(Program() << sw(11, 0, 8) << addi(9, 8, 33) << cbo_inval(9) << lw(10, 8, 0));
  m.run(4);
  CHECK(m.x(10) == 5);
  CHECK(m.data().write_backs == 0);
}

TEST_CASE("A dirty line that is written over what a device wrote is a mistake that is told") {
  Bench m(with_data_cache());
  m.begin(Program() << sw(11, 0, 8) << cbo_clean(8) << sw(11, 4, 8) << cbo_clean(8));
  m.run(2);
  m.core->snoop(BusOp::write, Machine::kData + 32, 4, Initiator::npu);
  m.bus.set_word(Machine::kData + 32, 99);
  m.run(2);
  REQUIRE(m.log.stale_lines.size() == 1);
  CHECK(m.log.stale_lines[0].kind == StaleLine::Kind::write_back);
  CHECK(m.bus.word(Machine::kData + 32) == 0);
}

TEST_CASE("A device that writes what memory held already is no mistake") {
  Bench m(with_data_cache());
  m.begin(Program() << lw(10, 8, 0) << lw(10, 8, 0) << lw(10, 8, 0));
  m.run(1);
  m.core->snoop(BusOp::write, Machine::kData, 64, Initiator::npu);
  m.run(2);
  CHECK(m.log.stale_lines.empty());
}

TEST_CASE("cbo acts on its block of 64 bytes, whatever the length of a line") {
  CoreConfig config = with_data_cache();
  config.data_cache.line_bytes = 16;
  Bench m(config);
  Program program;
  for (const int offset : {0, 16, 32, 48, 64}) program << sw(11, offset, 8);
  program << addi(9, 8, 20) << cbo_flush(9);
  m.begin(program);
  m.run(7);
  CHECK(m.data().flushes == 1);
  CHECK(m.data().write_backs == 4);
  CHECK(m.bus.word(Machine::kData + 48) == 0x11223344);
  CHECK(m.bus.word(Machine::kData + 64) == 0);
}

TEST_CASE("Fetches miss once a line, and an instruction across two lines waits for both") {
  Bench m(with_code_cache());
  Program program;
  while (program.here() < 60) program << addi(5, 5, 1);
  program.half(c_ci(1, 0, 5, 1));  // c.addi x5, 1
  program << addi(5, 5, 1);        // bytes 62 to 65
  program.half(c_ci(1, 0, 5, 1)) << jal(0, -68);
  m.begin(program);
  CHECK(m.cycles_of(16) == 16 + kFill);
  CHECK(m.moved == std::vector<Moved>{{BusOp::read, Machine::kBase, kLine, Initiator::core_code}});
  CHECK(m.cycles_of(1) == 1 + kFill);
  CHECK(m.cycles_of(2) == 1 + 2);
  CHECK(m.cycles_of(19) == 18 + 2);
  CHECK(m.x(5) == 2 * 18);
  const CacheCounters c = m.code();
  CHECK(c.reads == 2 * (19 + 1));
  CHECK(c.read_misses == 2);
  CHECK(c.fills == 2);
  CHECK(m.core->direct_traffic()[0].code_read_bytes == 0);
}

TEST_CASE("With data, changed code is executed when its line comes again, not before") {
  for (const bool data : {true, false}) {
    for (const bool fence : {true, false}) {
      Bench m(with_code_cache(data));
      // A loop in the first line; the change happens behind the core's back.
      m.begin(Program() << addi(5, 5, 1) << (fence ? fence_i() : addi(0, 0, 0)) << jal(0, -8));
      m.run(6);
      CHECK(m.x(5) == 2);
      m.bus.set_word(Machine::kBase, addi(5, 5, 16));
      m.run(6);
      // With data, the line came back behind the last fence, for the jump, and before the change.
      const uint32_t fenced = data ? 2 + 1 + 16 : 2 + 16 + 16;
      CHECK(m.x(5) == (fence ? fenced : 4));
    }
  }
}

TEST_CASE("With data, a line that was evicted and comes back brings changed code without FENCE.I") {
  Bench m(with_code_cache(true));
  // Lines at 0, 512 and 1024 share a set of two; each jumps to the next.
  m.begin(Program() << addi(5, 5, 1) << jal(0, 508));
  m.bus.set_word(Machine::kBase + 512, jal(0, 512));
  m.bus.set_word(Machine::kBase + 1024, jal(0, -1024));
  m.run(4);
  CHECK(m.x(5) == 1);
  m.bus.set_word(Machine::kBase, addi(5, 5, 16));
  m.run(4);
  CHECK(m.x(5) == 17);
  CHECK(m.code().fills == 6);
}

TEST_CASE("FENCE.I makes the core's own stores visible to its fetches, through both caches") {
  CoreConfig config = with_data_cache();
  config.code_cache = with_code_cache().code_cache;
  Bench m(config);
  const uint32_t changed = addi(5, 5, 16);
  Program program;
  program << addi(5, 5, 1) << sw(11, 0, 9) << fence_i() << jal(0, -12);
  m.begin(program);
  m.core->set_x(9, Machine::kBase);
  m.core->set_x(11, changed);
  m.run(4);
  CHECK(m.x(5) == 1);
  CHECK(m.bus.word(Machine::kBase) == changed);
  m.run(1);
  CHECK(m.x(5) == 17);
}

TEST_CASE("Reset leaves the caches empty and loses what was dirty") {
  CoreConfig config = with_data_cache();
  config.code_cache = with_code_cache().code_cache;
  Bench m(config);
  m.begin(Program() << sw(11, 0, 8) << lw(10, 8, 0));
  m.run(1);
  m.start(Machine::kBase + 4);
  m.core->set_x(8, Machine::kData);
  m.run(1);
  CHECK(m.x(10) == 0);
  CHECK(m.code().fills == 2);
}

TEST_CASE("A debugger sees and changes what the core sees") {
  CoreConfig config = with_data_cache();
  config.code_cache = with_code_cache().code_cache;
  Bench m(config);
  m.begin(Program() << sw(11, 0, 8) << lw(10, 8, 4) << addi(5, 5, 1) << jal(0, -4));
  m.run(4);
  uint32_t word = 0;
  const std::span bytes(reinterpret_cast<uint8_t*>(&word), 4);
  REQUIRE(m.core->memory().peek(Machine::kData, bytes));
  CHECK(word == 0x11223344);
  const uint64_t before = m.cycles();
  word = addi(5, 5, 16);
  REQUIRE(m.core->memory().poke(Machine::kBase + 8, bytes));
  word = 99;
  REQUIRE(m.core->memory().poke(Machine::kData + 4, bytes));
  CHECK(m.cycles() == before);
  m.core->set_pc(Machine::kBase + 4);
  m.core->set_x(5, 0);
  CHECK(m.cycles_of(2) == 2 + 1);  // hits
  CHECK(m.x(10) == 99);
  CHECK(m.x(5) == 16);
  CHECK(m.log.stale_lines.empty());
}

TEST_CASE("Saved and restored caches go on equally") {
  CoreConfig config = with_data_cache();
  config.code_cache = with_code_cache().code_cache;
  Program program;
  program << addi(8, 8, 68) << lw(10, 8, 0) << add(10, 10, 11) << sw(10, 0, 8) << andi(9, 8, 0x7f4) << add(12, 12, 10)
          << jal(0, -24);
  Bench straight(config);
  straight.begin(program);
  straight.run(2000);
  Bench saved(config);
  saved.begin(program);
  saved.run(777);
  StateArchive archive;
  saved.queue.state(archive);
  saved.core->state(archive);
  Bench restored(config);
  restored.bus.ram() = saved.bus.ram();
  StateArchive reading(archive.bytes(), "core");
  restored.queue.state(reading);
  restored.core->state(reading);
  CHECK(reading.at_end());
  restored.run(2000 - 777);
  CHECK(restored.cycles() == straight.cycles());
  CHECK(restored.x(12) == straight.x(12));
  CHECK(restored.bus.ram() == straight.bus.ram());
  CHECK(restored.data().read_misses == straight.data().read_misses);
  CHECK(restored.data().write_backs == straight.data().write_backs);
  CHECK(restored.data().reads == straight.data().reads);
  CHECK(restored.code().reads == straight.code().reads);
  CHECK(straight.data().write_backs > 0);
}

TEST_CASE("User mode: menvcfg decides which operations there are, and makes invalidate a flush") {
  // menvcfg: CBIE in bits 5:4 (0 illegal, 1 flush, 3 invalidate), CBCFE in bit 6 (CMO specification, "envcfg").
  struct Case {
    uint32_t menvcfg;
    uint32_t instruction;
    bool legal;
    uint32_t memory;  ///< behind it: 0 when the dirty byte was lost or is still in the line
  };
  for (const Case& c :
       {Case{0, cbo_inval(8), false, 0}, Case{0x10, cbo_inval(8), true, 0x11223344}, Case{0x30, cbo_inval(8), true, 0},
        Case{0x30, cbo_clean(8), false, 0}, Case{0x40, cbo_clean(8), true, 0x11223344},
        Case{0x40, cbo_flush(8), true, 0x11223344}, Case{0x40, cbo_inval(8), false, 0}}) {
    INFO(c.menvcfg << " " << c.instruction);
    Bench m(with_data_cache());
    m.begin(Program() << sw(11, 0, 8) << mret() << c.instruction);
    m.core->set_csr(0x30a, c.menvcfg);
    m.core->set_csr(0x341, Machine::kBase + 8);
    m.core->set_csr(0x3b0, 0x3fffffff);  // PMP: all of memory, read, write, execute
    m.core->set_csr(0x3a0, 0x1f);
    m.run(2);
    CHECK_FALSE(m.core->machine_mode());
    m.run(1);
    CHECK(m.log.traps.size() == (c.legal ? 0 : 1));
    if (!c.legal) CHECK(m.log.traps.at(0).cause == static_cast<uint8_t>(TrapCause::illegal_instruction));
    CHECK(m.bus.word(Machine::kData) == c.memory);
  }
}

TEST_CASE("A watchpoint sees hits in the data cache and changes no time") {
  Bench plain(with_data_cache());
  Bench watched(with_data_cache());
  for (Bench* m : {&plain, &watched}) {
    m->begin(Program() << lw(10, 8, 0) << sw(11, 4, 8) << lw(10, 8, 4) << jal(0, -8));
  }
  watched.core->set_watchpoints({{Machine::kData + 4, Machine::kData + 7, WatchKind::write}});
  plain.run(30);
  watched.run(30);
  CHECK(watched.core->stop_reason() == StopReason::watchpoint);
  CHECK(watched.core->watch_hit().address == Machine::kData + 4);
  while (watched.core->stop_reason() == StopReason::watchpoint) {
    watched.core->resume();
    run_board(watched.queue, *watched.core);
  }
  CHECK(watched.core->statistics().instructions == plain.core->statistics().instructions);
  CHECK(watched.cycles() == plain.cycles());
  CHECK(watched.data().reads == plain.data().reads);
  CHECK(watched.data().writes == plain.data().writes);
}
