// Physical memory protection: matching, priority, lock, and what the core makes of it.
#include <catch2/catch.hpp>
#include <random>

#include "platform/cpu/pmp.h"
#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

constexpr uint8_t R = 1, W = 2, X = 4, kTor = 1 << 3, kNa4 = 2 << 3, kNapot = 3 << 3, kLock = 0x80;
constexpr bool kMachine = true, kUser = false;

}  // namespace

TEST_CASE("Without entries machine mode may do all and user mode nothing") {
  const Pmp pmp;
  CHECK(pmp.allows(0, 4, PmpAccess::write, kMachine));
  CHECK(!pmp.allows(0, 4, PmpAccess::read, kUser));
}

TEST_CASE("NA4, NAPOT and TOR cover exactly their ranges") {
  Pmp pmp;
  pmp.set_address(0, 0x1000 >> 2);
  pmp.set_config(0, R | kNa4);
  CHECK(pmp.allows(0x1000, 4, PmpAccess::read, kUser));
  CHECK(!pmp.allows(0x1004, 4, PmpAccess::read, kUser));
  CHECK(!pmp.allows(0x0ffc, 4, PmpAccess::read, kUser));
  CHECK(!pmp.allows(0x1002, 4, PmpAccess::read, kUser));  // half of it lies outside
  pmp.set_address(1, (0x4000 | (0x1000 - 1) >> 1) >> 2);  // NAPOT, 4 KiB at 0x4000
  pmp.set_config(1, R | W | kNapot);
  CHECK(pmp.allows(0x4000, 4, PmpAccess::write, kUser));
  CHECK(pmp.allows(0x4ffc, 4, PmpAccess::write, kUser));
  CHECK(!pmp.allows(0x5000, 4, PmpAccess::write, kUser));
  CHECK(!pmp.allows(0x4000, 4, PmpAccess::execute, kUser));
  pmp.set_address(2, 0x8000 >> 2);
  pmp.set_address(3, 0x9004 >> 2);
  pmp.set_config(3, X | kTor);
  CHECK(pmp.allows(0x8000, 4, PmpAccess::execute, kUser));
  CHECK(pmp.allows(0x9000, 4, PmpAccess::execute, kUser));
  CHECK(!pmp.allows(0x9004, 4, PmpAccess::execute, kUser));
  CHECK(!pmp.allows(0x7ffc, 4, PmpAccess::execute, kUser));
}

TEST_CASE("The lowest entry that matches any byte decides") {
  Pmp pmp;
  pmp.set_address(0, 0x2000 >> 2);
  pmp.set_config(0, kNa4);  // nothing allowed
  pmp.set_address(1, 0x7fffffff);
  pmp.set_config(1, R | W | X | kNapot);
  CHECK(!pmp.allows(0x2000, 4, PmpAccess::read, kUser));
  CHECK(!pmp.allows(0x1ffe, 4, PmpAccess::read, kUser));  // entry 0 matches two of four bytes
  CHECK(pmp.allows(0x2004, 4, PmpAccess::read, kUser));
  CHECK(!pmp.permission(0x2000, 4096, kUser).uniform);
  CHECK(pmp.permission(0x3000, 4096, kUser).uniform);
}

TEST_CASE("A locked entry binds machine mode and cannot be changed until reset") {
  Pmp pmp;
  pmp.set_address(0, 0x1000 >> 2);
  pmp.set_address(1, 0x2000 >> 2);
  pmp.set_config(1, R | kTor | kLock);
  CHECK(pmp.allows(0x1800, 4, PmpAccess::read, kMachine));
  CHECK(!pmp.allows(0x1800, 4, PmpAccess::write, kMachine));
  pmp.set_config(1, R | W | kTor);
  pmp.set_address(1, 0);
  pmp.set_address(0, 0);  // the base of a locked TOR entry
  CHECK(pmp.config(1) == (R | kTor | kLock));
  CHECK(pmp.address(1) == 0x2000 >> 2);
  CHECK(pmp.address(0) == 0x1000 >> 2);
  pmp.reset();
  CHECK(pmp.config(1) == 0);
}

TEST_CASE("W without R is reserved and grants nothing, and reserved bits read zero") {
  Pmp pmp;
  pmp.set_config(0, 0x62 | kNa4);
  CHECK(pmp.config(0) == kNa4);
}

TEST_CASE("NAPOT ranges of every size match by their first and last word") {
  for (unsigned ones = 0; ones < 30; ++ones) {
    Pmp pmp;
    const uint64_t size = uint64_t{8} << ones;
    const uint64_t base = size < 0x80000000 ? 0x80000000 : 0;
    pmp.set_address(0, (base >> 2) | ((uint64_t{1} << ones) - 1));
    pmp.set_config(0, R | kNapot);
    INFO(ones);
    CHECK(pmp.allows(base, 4, PmpAccess::read, kUser));
    CHECK(pmp.allows(base + size - 4, 4, PmpAccess::read, kUser));
    CHECK(!pmp.allows(base + size, 4, PmpAccess::read, kUser));
    if (base) CHECK(!pmp.allows(base - 4, 4, PmpAccess::read, kUser));
  }
}

TEST_CASE("A user program is held inside its window for code, loads and stores, byte by byte") {
  // Entry 0: code, RX. Entry 1: 8 bytes of data, RW: in the middle of a page, so that no page can be cached.
  Machine m;
  Program boot, user;
  boot << mret();
  user << sw(12, 0, 8) << lw(10, 8, 4) << lw(11, 8, 8);
  m.load(boot);
  m.load(user, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0, ((Machine::kBase + 0x1000) >> 2) | 0x1ff);
  m.core->set_csr(csr::kPMPADDR0 + 1, Machine::kData >> 2);
  m.core->set_csr(csr::kPMPCFG0, (R | X | kNapot) | uint32_t{R | W | kNapot} << 8);
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.core->set_x(8, Machine::kData);
  m.core->set_x(12, 99);
  m.run(4);
  CHECK(m.bus.word(Machine::kData) == 99);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 5);
  CHECK(m.log.traps[0].value == Machine::kData + 8);
  CHECK(m.log.traps[0].response == BusResponse::ok);  // refused by PMP, not by the bus
}

TEST_CASE("Instruction fetch outside the window is an instruction access fault") {
  Machine m;
  Program boot, user;
  boot << mret();
  user << addi(1, 1, 1) << addi(1, 1, 1);
  m.load(boot);
  m.load(user, Machine::kBase + 0x1000);
  m.start();
  m.core->set_csr(csr::kPMPADDR0, (Machine::kBase + 0x1000) >> 2);
  m.core->set_csr(csr::kPMPCFG0, X | kNa4);
  m.core->set_csr(csr::kMEPC, Machine::kBase + 0x1000);
  m.run(3);
  CHECK(m.x(1) == 1);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 1);
  CHECK(m.log.traps[0].value == Machine::kBase + 0x1004);
}

TEST_CASE("MPRV makes machine mode load with the rights of MPP, also after a cached access") {
  Machine m;
  Program program;
  program << lw(10, 8, 0) << csrrs(0, csr::kMSTATUS, 5) << lw(11, 8, 0);
  m.bus.set_word(Machine::kData, 42);
  m.execute(program, 3, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_x(5, 1u << 17);  // MPP is U
  });
  CHECK(m.x(10) == 42);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 5);
  CHECK(m.log.traps[0].pc == Machine::kBase + 8);
}

TEST_CASE("Locking a page against writes takes effect on the next store of machine mode") {
  Machine m;
  Program program;
  program << sw(12, 0, 8) << csrrw(0, csr::kPMPCFG0, 5) << sw(0, 0, 8);
  m.execute(program, 3, [&] {
    m.core->set_csr(csr::kPMPADDR0, (Machine::kData >> 2) | 0x1ff);
    m.core->set_x(5, R | kNapot | kLock);
    m.core->set_x(8, Machine::kData);
    m.core->set_x(12, 7);
  });
  CHECK(m.bus.word(Machine::kData) == 7);
  REQUIRE(m.log.traps.size() == 1);
  CHECK(m.log.traps[0].cause == 7);
}
