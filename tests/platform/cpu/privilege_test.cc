// Traps, privilege, CSRs, protection, interrupts.
#include <catch2/catch.hpp>

#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::FlatBus;
using test::Machine;

namespace {

constexpr uint32_t kMie = 1u << 3;
constexpr uint32_t kHole = 0x40000000;  // nothing answers there

/// One instruction that traps; the handler's jump is the instruction that retires.
Trap trap_of(uint32_t word, uint32_t x11, const CoreConfig& config = {}) {
  Machine m(config);
  Program program;
  program << addi(0, 0, 0) << word;
  m.execute(program, 2, [&] { m.core->set_x(11, x11); });
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.csr(csr::kMEPC) == m.log.traps[0].pc);
  CHECK(m.csr(csr::kMCAUSE) == m.log.traps[0].cause);
  CHECK(m.csr(csr::kMTVAL) == m.log.traps[0].value);
  CHECK(m.core->statistics().exceptions == 1);
  CHECK(m.x(10) == 0);  // the destination was not written
  return m.log.traps[0];
}

/// Runs `program` in user mode from kBase + 0x1000 for `count` instructions, with all memory open by PMP entry 15.
void run_user(Machine& m, const Program& program, uint64_t count) {
  Program boot;
  boot << mret();
  m.load(boot);
  m.load(program, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0 + 15, 0x7fffffff);
  m.core->set_csr(csr::kPMPCFG0 + 3, 0x1f000000);  // NAPOT, RWX
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.core->set_x(8, Machine::kData);
  m.run(count + 1);
}

}  // namespace

TEST_CASE("Bus errors trap precisely with cause, address and response") {
  const Trap load = trap_of(lw(10, 11, 4), kHole);
  CHECK(static_cast<TrapCause>(load.cause) == TrapCause::load_access);
  CHECK(load.value == kHole + 4);
  CHECK(load.pc == Machine::kBase + 4);
  CHECK(load.response == BusResponse::decode);
  const Trap store = trap_of(sw(12, -4, 11), kHole);
  CHECK(static_cast<TrapCause>(store.cause) == TrapCause::store_access);
  CHECK(store.value == kHole - 4);
  Machine m;
  Program program;
  program << jalr(0, 11, 0);
  m.execute(program, 2, [&] { m.core->set_x(11, kHole); });  // the jump and the handler's loop retire
  REQUIRE(m.log.traps.size() == 1);
  const Trap fetch = m.log.traps[0];
  CHECK(static_cast<TrapCause>(fetch.cause) == TrapCause::instruction_access);
  CHECK(fetch.value == kHole);
  CHECK(fetch.pc == kHole);
  CHECK(fetch.response == BusResponse::decode);
  CHECK(static_cast<TrapCause>(trap_of(lr_w(10, 11), kHole).cause) == TrapCause::load_access);
  CHECK(static_cast<TrapCause>(trap_of(amoadd_w(10, 11, 12), kHole).cause) == TrapCause::store_access);
  const Trap device = trap_of(lw(10, 11, 0), FlatBus::kDevice);
  CHECK(device.response == BusResponse::target);
}

TEST_CASE("A long instruction whose second half cannot be fetched names that half") {
  Machine m;
  const uint32_t last = Machine::kBase + static_cast<uint32_t>(m.bus.ram().size()) - 2;
  m.start(last);
  const uint32_t word = addi(1, 1, 1);
  std::memcpy(m.bus.at(last), &word, 2);
  m.run(1);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 1);
  CHECK(m.log.traps[0].pc == last);
  CHECK(m.log.traps[0].value == last + 2);
}

TEST_CASE("Illegal instructions give their bits, 16-bit ones half a word") {
  CHECK(trap_of(0xffffffff, 0).value == 0xffffffff);
  CHECK(trap_of(0x30200073 ^ 0x20000000, 0).value == 0x10200073);  // sret
  const Trap c = trap_of(0xabcd0000, 0);                           // c.illegal; the upper half is another instruction
  CHECK(c.value == 0);
  CHECK(c.cause == 2);
}

TEST_CASE("Illegal CSR accesses trap: unknown, read-only, reserved rounding") {
  CHECK(trap_of(csrrs(10, 0x180, 0), 0).cause == 2);           // satp: no supervisor mode
  CHECK(trap_of(csrrs(10, 0x302, 0), 0).cause == 2);           // medeleg
  CHECK(trap_of(csrrw(10, csr::kMHARTID, 11), 0).cause == 2);  // read-only
  CHECK(trap_of(csrrs(10, csr::kCYCLE, 11), 0).cause == 2);    // a set with rs1 != x0 is a write
  CHECK(trap_of(fadd_s(1, 2, 3, 5), 0).cause == 2);            // rm 5 and 6 are reserved
  CHECK(trap_of(fadd_s(1, 2, 3, 6), 0).cause == 2);
  Machine m;
  Program program;
  program << csrrwi(0, csr::kFRM, 5) << fadd_s(1, 2, 3);
  m.execute(program, 2);
  REQUIRE(m.log.traps.size() == 1);  // the dynamic mode is reserved
  CHECK(m.log.traps[0].pc == Machine::kBase + 4);
}

TEST_CASE("With FS off every FP instruction and FP CSR is illegal and changes nothing") {
  for (const uint32_t word : {flw(1, 8, 0), fsw(1, 0, 8), fadd_s(1, 2, 3), fmv_x_w(10, 1), feq_s(10, 1, 2),
                              csrrs(10, csr::kFCSR, 0), fsgnj_s(1, 2, 3), fcvt_s_w(1, 11, 0)}) {
    Machine m;
    Program program;
    program << word;
    m.bus.set_word(Machine::kData, 5);
    m.execute(program, 1, [&] {
      m.core->set_csr(csr::kMSTATUS, 0);
      m.core->set_x(8, Machine::kData);
    });
    INFO(std::hex << word);
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].cause == 2);
    CHECK(m.log.traps[0].value == word);
    CHECK(m.f(1) == 0);
    CHECK(m.bus.word(Machine::kData) == 5);
    CHECK((m.csr(csr::kMSTATUS) & 0x6000) == 0);
  }
}

TEST_CASE("FS becomes dirty with the first FP instruction and the SD bit says so") {
  Machine m;
  Program program;
  program << fmv_w_x(1, 0);
  m.load(program);
  m.start();
  CHECK((m.csr(csr::kMSTATUS) & 0x80006000) == 0x2000);
  m.run(1);
  CHECK((m.csr(csr::kMSTATUS) & 0x80006000) == 0x80006000);
}

TEST_CASE("Misaligned loads and stores succeed by default, also across pages") {
  Machine m;
  Program program;
  program << sw(12, 0, 11) << lw(10, 11, 0) << lhu(13, 11, 1);
  const uint32_t across = Machine::kData + 0xffd;
  m.execute(program, 3, [&] {
    m.core->set_x(11, across);
    m.core->set_x(12, 0x12345678);
  });
  CHECK(m.x(10) == 0x12345678);
  CHECK(m.x(13) == 0x3456);
  CHECK(m.log.traps.empty());
}

TEST_CASE("Misaligned accesses trap when configured, atomics always do") {
  CoreConfig config;
  config.misaligned_traps = true;
  const Trap load = trap_of(lw(10, 11, 2), Machine::kData, config);
  CHECK(load.cause == 4);
  CHECK(load.value == Machine::kData + 2);
  CHECK(trap_of(sh(12, 1, 11), Machine::kData, config).cause == 6);
  CHECK(trap_of(lr_w(10, 11), Machine::kData + 2).cause == 4);
  CHECK(trap_of(sc_w(10, 11, 12), Machine::kData + 2).cause == 6);
  CHECK(trap_of(amoor_w(10, 11, 12), Machine::kData + 1).cause == 6);
}

TEST_CASE("A trap saves the interrupt enable and the privilege, and MRET restores them") {
  Machine m;
  Program program;
  program << ecall();
  m.load(program);
  Program handler;
  handler << csrrs(5, csr::kMSTATUS, 0) << mret();
  m.load(handler, Machine::kHandler);
  m.start();
  m.core->set_csr(csr::kMSTATUS, kMie);
  m.run(1);
  CHECK((m.x(5) & 0x1888) == 0x1880);  // MPP = M, MPIE = 1, MIE = 0
  m.run(1);
  CHECK(m.core->pc() == Machine::kBase);  // mepc is the ECALL itself
  CHECK((m.csr(csr::kMSTATUS) & 0x1888) == 0x88);
}

TEST_CASE("User mode may not touch machine CSRs, MRET or closed counters") {
  for (const uint32_t word : {csrrs(10, csr::kMSTATUS, 0), csrrw(0, csr::kMSCRATCH, 0), mret(),
                              csrrs(10, csr::kCYCLE, 0), csrrs(10, csr::kTIME, 0), cbo_clean(8), cbo_inval(8)}) {
    Machine m;
    Program program;
    program << word;
    run_user(m, program, 0 + 1);
    INFO(std::hex << word);
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].cause == 2);
    CHECK(m.core->machine_mode());
    CHECK((m.csr(csr::kMSTATUS) & 0x1800) == 0);  // MPP = U
  }
  Machine m;
  Program program;
  program << ecall();
  run_user(m, program, 1);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 8);
}

TEST_CASE("mcounteren and menvcfg open counters and cache operations to user mode") {
  Machine m;
  Program boot, program;
  boot << csrrwi(0, csr::kMCOUNTEREN, 7) << addi(5, 0, 0x50) << csrrw(0, csr::kMENVCFG, 5) << mret();
  program << csrrs(10, csr::kINSTRET, 0) << cbo_inval(8) << cbo_clean(8) << csrrs(12, csr::kTIME, 0);
  m.load(boot);
  m.load(program, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0, 0x7fffffff);
  m.core->set_csr(csr::kPMPCFG0, 0x1f);
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.core->set_x(8, Machine::kData);
  m.run(8);
  CHECK(m.log.traps.empty());
  CHECK(!m.core->machine_mode());
  CHECK(m.x(10) == 4);
  CHECK(m.x(12) != 0);
  REQUIRE(m.log.cache_operations.size() == 2);
  CHECK(m.log.cache_operations[0].first == CacheOperation::flush);  // CBIE = 1
  CHECK(m.log.cache_operations[1].first == CacheOperation::clean);
}

TEST_CASE("WFI in user mode is illegal when TW is set") {
  Machine m;
  Program boot, program;
  boot << lui(5, 0x200) << csrrs(0, csr::kMSTATUS, 5) << mret();
  program << wfi();
  m.load(boot);
  m.load(program, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0, 0x7fffffff);
  m.core->set_csr(csr::kPMPCFG0, 0x1f);
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.run(4);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].value == wfi());
}

TEST_CASE("CSRs read what the manual fixes and keep only legal values") {
  Machine m;
  m.start();
  CHECK(m.csr(csr::kMISA) == (1u << 30 | 1u << 0 | 1u << 2 | 1u << 5 | 1u << 8 | 1u << 12 | 1u << 20));
  CHECK(m.csr(csr::kMVENDORID) == 0);
  CHECK(m.csr(csr::kMHARTID) == 0);
  const auto after = [&](unsigned number, uint32_t value) {
    m.core->set_csr(number, value);
    return m.csr(number);
  };
  CHECK(after(csr::kMIE, 0xffffffff) == 0x888);
  CHECK(after(csr::kMIP, 0xffffffff) == 0);
  CHECK(after(csr::kMTVEC, 0xffffffff) == 0xfffffffd);
  CHECK(after(csr::kMEPC, 0xffffffff) == 0xfffffffe);
  CHECK(after(csr::kMSTATUS, 0xffffffff) == 0x80227888);  // SD TW MPRV FS MPP MPIE MIE
  CHECK(after(csr::kMSTATUS, 0x00000800) == 0x00001800);  // MPP = 1 does not exist: stays M
  CHECK(after(csr::kMCOUNTEREN, 0xffffffff) == 7);
  CHECK(after(csr::kMCOUNTINHIBIT, 0xffffffff) == 5);
  CHECK(after(csr::kMENVCFG, 0xffffffff) == 0x71);
  CHECK(after(csr::kMENVCFG, 0x20) == 0);  // CBIE = 2 is reserved
  CHECK(after(csr::kFCSR, 0xffffffff) == 0xff);
  CHECK(after(csr::kTSELECT, 1) == 0);
  CHECK(after(csr::kMHPMCOUNTER3, 1) == 0);
  CHECK(after(csr::kMHPMEVENT3 + 28, 1) == 0);
  CHECK(!m.core->csr(0x180));
  CHECK(!m.core->csr(0xb01));
  CHECK(!m.core->set_csr(csr::kMHARTID, 1));
}

TEST_CASE("Counters count, stop when inhibited, and take written values from the next instruction on") {
  Machine m;
  Program program;
  program << csrrs(5, csr::kMINSTRET, 0) << addi(0, 0, 0) << csrrs(6, csr::kMINSTRET, 0)  //
          << csrrwi(0, csr::kMINSTRET, 9) << csrrs(7, csr::kMINSTRET, 0)                  //
          << csrrs(28, csr::kMCYCLE, 0) << csrrs(29, csr::kMCYCLE, 0)                     //
          << csrrwi(0, csr::kMCOUNTINHIBIT, 5) << csrrs(30, csr::kMINSTRET, 0) << addi(0, 0, 0)
          << csrrs(31, csr::kMINSTRET, 0) << csrrs(9, csr::kMCYCLE, 0) << csrrs(10, csr::kMCYCLE, 0);
  m.execute(program, 13);
  CHECK(m.x(6) - m.x(5) == 2);
  CHECK(m.x(7) == 9);
  CHECK(m.x(29) - m.x(28) == 2);  // a CSR instruction takes two cycles
  CHECK(m.x(30) == 9 + 4);        // four have retired since: the CSR write itself is the last one
  CHECK(m.x(31) == m.x(30));
  CHECK(m.x(10) == m.x(9));
}

TEST_CASE("time is mtime at the start of the instruction that reads it") {
  Machine m;
  Program program;
  program << addi(0, 0, 0) << csrrs(5, csr::kTIME, 0) << csrrs(6, csr::kTIMEH, 0);
  m.execute(program, 3);
  CHECK(m.x(5) == 5000);  // the test's mtime counts picoseconds; one cycle of 200 MHz has passed
  CHECK(m.x(6) == 0);
}

TEST_CASE("Interrupts are taken by priority, direct and vectored, and only when enabled") {
  for (const bool vectored : {false, true}) {
    Machine m;
    Program program;
    program << addi(5, 5, 1) << jal(0, -4);
    for (uint32_t cause = 0; cause < 12; ++cause) m.bus.set_word(Machine::kHandler + 4 * cause, jal(0, 0));
    m.load(program);
    m.start();
    m.core->set_csr(csr::kMTVEC, Machine::kHandler | (vectored ? 1 : 0));
    m.core->set_level(7, true);
    m.core->set_level(3, true);
    m.run(4);
    CHECK(m.log.traps.empty());  // mie is zero
    m.core->set_csr(csr::kMIE, 0x888);
    m.run(4);
    CHECK(m.log.traps.empty());  // MIE is zero
    CHECK(m.csr(csr::kMIP) == 0x88);
    m.core->set_csr(csr::kMSTATUS, kMie);
    m.run(1);
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].interrupt);
    CHECK(m.csr(csr::kMCAUSE) == 0x80000003);  // software before timer
    CHECK(m.csr(csr::kMTVAL) == 0);
    CHECK(m.core->pc() == Machine::kHandler + (vectored ? 12 : 0));
    m.core->set_level(11, true);
    m.core->set_csr(csr::kMSTATUS, kMie);
    m.run(1);
    CHECK(m.csr(csr::kMCAUSE) == 0x8000000b);  // external first
    CHECK(m.core->pc() == Machine::kHandler + (vectored ? 44 : 0));
    CHECK(m.core->statistics().interrupts == 2);
  }
}

TEST_CASE("User mode takes machine interrupts whatever MIE says") {
  Machine m;
  Program program;
  program << addi(5, 5, 1) << jal(0, -4);
  m.load(program, Machine::kBase + 0x1000);
  run_user(m, program, 4);
  m.core->set_csr(csr::kMIE, 0x80);
  m.core->set_level(7, true);
  m.run(1);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].interrupt);
  CHECK(m.core->machine_mode());
}

TEST_CASE("EBREAK and C.EBREAK trap with their address") {
  CHECK(trap_of(ebreak(), 0).value == Machine::kBase + 4);
  const Trap c = trap_of(0x00019002, 0);
  CHECK(c.cause == 3);
  CHECK(c.value == Machine::kBase + 4);
}

TEST_CASE("A handler that traps itself stops the core instead of looping for ever") {
  Machine m;
  Program program;
  program << ecall();
  m.load(program);
  m.start();
  m.core->set_csr(csr::kMTVEC, kHole);
  m.run(1000);
  CHECK(m.core->stop_reason() == StopReason::lockup);
  CHECK(m.log.traps.size() == 3);
}
