// What traps, interrupts, CSRs and protection look like on a core of 64 bits.
#include <catch2/catch.hpp>

#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

constexpr uint64_t kInterrupt = uint64_t{1} << 63;

CoreConfig rv64() {
  CoreConfig config;
  config.isa = Isa::rv64imafdc;
  return config;
}

/// `program` in user mode from kBase + 0x1000 for `count` instructions; PMP entry 15 opens all of memory.
void run_user(Machine& m, const Program& program, uint64_t count) {
  Program boot;
  boot << mret();
  m.load(boot);
  m.load(program, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0 + 15, UINT64_MAX);
  m.core->set_csr(csr::kPMPCFG0 + 2, uint64_t{0x1f} << 56);  // entries 8 to 15: NAPOT, RWX
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.core->set_x(8, Machine::kData);
  m.run(count + 1);
}

}  // namespace

TEST_CASE("RV64: CSRs have 64 bits, and those of the upper halves are gone") {
  Machine m(rv64());
  m.start();
  CHECK(m.core->width_bits() == 64);
  CHECK(m.core->float_bits() == 64);
  CHECK(m.core->csr(csr::kMISA) == (uint64_t{2} << 62 | 0x10112d));  // A C D F I M U
  for (const unsigned number : {csr::kMSTATUSH, csr::kMENVCFGH, csr::kMCYCLEH, csr::kMINSTRETH, csr::kMHPMCOUNTER3H,
                                csr::kCYCLEH, csr::kTIMEH, csr::kINSTRETH, csr::kPMPCFG0 + 1, csr::kPMPCFG0 + 3}) {
    INFO(std::hex << number);
    CHECK(!m.core->csr(number));
    Machine trapping(rv64());
    Program program;
    program << csrrs(10, number, 0);
    trapping.execute(program, 1);
    REQUIRE(trapping.log.traps.size() == 1);
    CHECK(trapping.log.traps[0].cause == 2);
  }
  m.core->set_csr(csr::kMSTATUS, UINT64_MAX);
  // MIE, MPIE, MPP, FS, MPRV, TW as written, UXL = 2, SD follows FS.
  CHECK(m.core->csr(csr::kMSTATUS) == (kInterrupt | uint64_t{2} << 32 | 0x227888));
  m.core->set_csr(csr::kMSTATUS, 0);
  CHECK(m.core->csr(csr::kMSTATUS) == uint64_t{2} << 32);
  m.core->set_csr(csr::kMTVEC, 0x123456789abcdef3);
  CHECK(m.core->csr(csr::kMTVEC) == 0x123456789abcdef1);
  m.core->set_csr(csr::kMEPC, UINT64_MAX);
  CHECK(m.core->csr(csr::kMEPC) == UINT64_MAX - 1);
  m.core->set_csr(csr::kMTVAL, 0xfedcba9876543210);
  CHECK(m.core->csr(csr::kMTVAL) == 0xfedcba9876543210);
  m.core->set_csr(csr::kMCYCLE, 0x123456789abcdef0);
  CHECK(m.core->csr(csr::kMCYCLE) == 0x123456789abcdef0);
  m.core->set_csr(csr::kPMPADDR0, UINT64_MAX);
  CHECK(m.core->csr(csr::kPMPADDR0) == (uint64_t{1} << 54) - 1);
}

TEST_CASE("RV64: a pmpcfg register holds eight entries") {
  Machine m(rv64());
  m.start();
  m.core->set_csr(csr::kPMPCFG0, 0x1f1d1c1b19180f0d);
  m.core->set_csr(csr::kPMPCFG0 + 2, 0x0f0d0c0b09081f1c);
  CHECK(m.core->csr(csr::kPMPCFG0) == 0x1f1d1c1b19180f0d);
  CHECK(m.core->csr(csr::kPMPCFG0 + 2) == 0x0f0d0c0b09081f1c);
  CHECK(m.core->csr(csr::kPMPCFG0 + 4) == 0);  // entries 16 and up are not there
}

TEST_CASE("RV64: counters count in 64 bits and are written whole") {
  Machine m(rv64());
  Program program;
  program << csrrw(0, csr::kMINSTRET, 11) << csrrs(10, csr::kMINSTRET, 0) << csrrs(12, csr::kTIME, 0);
  m.execute(program, 3, [&] { m.core->set_x(11, 0xffffffff); });
  CHECK(m.core->x(10) == 0xffffffff);  // the write takes the place of the instruction's own increment
  CHECK(m.core->csr(csr::kMINSTRET) == 0x100000001);
  CHECK(m.core->x(12) > 0);
}

TEST_CASE("RV64: an interrupt sets bit 63 of mcause, and its vector lies above 4 GiB as well") {
  for (const bool vectored : {false, true}) {
    Machine m(rv64());
    Program program;
    program << addi(0, 0, 0);
    m.load(program);
    m.start();
    m.core->set_csr(csr::kMTVEC, 0x500000000 | (vectored ? 1 : 0));
    m.core->set_csr(csr::kMIE, 1u << 7);
    m.core->set_csr(csr::kMSTATUS, 8);
    m.core->set_level(static_cast<uint32_t>(CorePin::timer), true);
    m.core->set_stepping(true);
    m.run(1);
    CHECK(m.core->csr(csr::kMCAUSE) == (kInterrupt | 7));
    CHECK(m.core->csr(csr::kMEPC) == Machine::kBase);
    CHECK(m.core->pc() == 0x500000000 + (vectored ? 28 : 0));
  }
}

TEST_CASE("RV64: addresses are of 64 bits: what lies above memory is an access fault and no alias of it") {
  for (const uint64_t address :
       {uint64_t{1} << 32 | Machine::kData, 0xffffffff00000000 | Machine::kData, UINT64_MAX - 6, UINT64_MAX}) {
    INFO(std::hex << address);
    Machine m(rv64());
    Program program;
    program << ld(10, 11, 0);
    m.execute(program, 1, [&] { m.core->set_x(11, address); });
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].cause == 5);
    CHECK(m.log.traps[0].value == address);
    Machine stores(rv64());
    Program store;
    store << sd(11, 0, 11);
    stores.execute(store, 1, [&] { stores.core->set_x(11, address); });
    REQUIRE(stores.log.traps.size() == 1);
    CHECK(stores.log.traps[0].cause == 7);
  }
}

TEST_CASE("RV64: a jump to any end of the address space is a fetch fault, in user mode too") {
  for (const uint64_t target : {UINT64_MAX, UINT64_MAX - 1, UINT64_MAX - 3, uint64_t{1} << 32 | Machine::kBase}) {
    for (const bool user : {false, true}) {
      for (const bool caches : {false, true}) {
        INFO(std::hex << target << (user ? " user" : " machine") << (caches ? ", caches" : ""));
        CoreConfig config = rv64();
        config.cacheable = {{0x80000000, 0x800fffff}};
        config.code_cache.enabled = config.data_cache.enabled = caches;
        Machine m(config);
        Program program;
        program << addi(11, 0, -1) << jalr(0, 12, 0);
        if (user) {
          Program to_target;
          to_target << ld(12, 8, 0) << jalr(0, 12, 0);
          m.bus.set_word(Machine::kData, static_cast<uint32_t>(target));
          m.bus.set_word(Machine::kData + 4, static_cast<uint32_t>(target >> 32));
          run_user(m, to_target, 3);
        } else {
          m.execute(program, 3, [&] { m.core->set_x(12, target); });
        }
        REQUIRE(m.log.traps.size() == 1);
        CHECK(m.log.traps[0].cause == 1);
        CHECK(m.log.traps[0].pc == (target & ~uint64_t{1}));
      }
    }
  }
}

TEST_CASE("RV64: user mode reads its counters, and a store of a double word needs the permission for all of it") {
  Machine m(rv64());
  Program program;
  program << sd(8, 0, 8) << sd(8, 4, 8);
  Program boot;
  boot << mret();
  m.load(boot);
  m.load(program, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0, (Machine::kData + 8) >> 2);  // TOR: all up to kData + 8
  m.core->set_csr(csr::kPMPCFG0, 0x0f);
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.core->set_x(8, Machine::kData);
  m.run(3);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 7);
  CHECK(m.log.traps[0].value == Machine::kData + 4);
  CHECK(m.bus.word(Machine::kData) == Machine::kData);
  CHECK(m.bus.word(Machine::kData + 8) == 0);
}

TEST_CASE("RV64: what is saved of a core is all of its 64 bits") {
  constexpr unsigned kSaved[] = {csr::kMSTATUS,     csr::kMTVEC,        csr::kMSCRATCH, csr::kMEPC,
                                 csr::kMCAUSE,      csr::kMTVAL,        csr::kMCYCLE,   csr::kMINSTRET,
                                 csr::kPMPCFG0 + 2, csr::kPMPADDR0 + 9, csr::kFCSR};
  const auto pattern = [](unsigned i) { return 0x9e3779b97f4a7c15 * (i + 1); };
  Machine m(rv64()), other(rv64());
  m.start();
  for (unsigned i = 1; i < 32; ++i) m.core->set_x(i, pattern(i));
  for (unsigned i = 0; i < 32; ++i) m.core->set_f(i, pattern(100 + i));
  for (const unsigned number : kSaved) REQUIRE(m.core->set_csr(number, pattern(number)));
  m.core->set_csr(csr::kMSTATUS, 0x1800);
  m.core->set_pc(0x123456789abcdef0);
  StateArchive archive;
  m.queue.state(archive);
  m.core->state(archive);
  StateArchive reader(archive.bytes(), "test");
  other.queue.state(reader);
  other.core->state(reader);
  CHECK(reader.at_end());
  CHECK(other.core->pc() == 0x123456789abcdef0);
  for (unsigned i = 1; i < 32; ++i) CHECK(other.core->x(i) == pattern(i));
  for (unsigned i = 0; i < 32; ++i) CHECK(other.core->f(i) == pattern(100 + i));
  for (const unsigned number : kSaved) {
    INFO(std::hex << number);
    CHECK(other.core->csr(number) == m.core->csr(number));
  }
}

TEST_CASE("RV64: with FS off the D extension is illegal, reserved rounding modes are") {
  for (const uint32_t word : {fld(1, 8, 0), fsd(1, 0, 8), fadd_d(0, 1, 2), fcvt_l_d(10, 1, 0), fmv_d_x(1, 11)}) {
    Machine m(rv64());
    Program program;
    program << word;
    m.execute(program, 1, [&] {
      m.core->set_csr(csr::kMSTATUS, 0);
      m.core->set_x(8, Machine::kData);
    });
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].cause == 2);
    CHECK(m.log.traps[0].value == word);
  }
  for (const uint32_t word : {fadd_d(0, 1, 2, 5), fcvt_d_s(0, 1, 6), fmadd_d(0, 1, 2, 3, 5)}) {
    Machine m(rv64());
    Program program;
    program << word;
    m.execute(program, 1);
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].cause == 2);
  }
}
