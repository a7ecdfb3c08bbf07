// The small drivers against scripts of register accesses.
#include <catch2/catch.hpp>
#include <stdexcept>

#include "drivers/clint/clint.h"
#include "drivers/clint/clint_registers.h"
#include "drivers/finisher/finisher.h"
#include "drivers/plic/plic.h"
#include "drivers/plic/plic_registers.h"
#include "drivers/uart/uart.h"
#include "drivers/uart/uart_registers.h"
#include "drivers/watchdog/watchdog.h"
#include "drivers/watchdog/watchdog_registers.h"
#include "tests/drivers/mock_mmio.h"

using backboard::test::MmioDevice;
using backboard::test::MmioScript;

namespace {
constexpr uintptr_t kBase = 0x10000000;

/// Answers every read with one value and counts.
class ConstantDevice final : public MmioDevice {
 public:
  explicit ConstantDevice(uint32_t value) : value_(value) {}
  uint32_t read(uintptr_t, unsigned) override { return reads++, value_; }
  void write(uintptr_t, uint32_t, unsigned) override { writes++; }
  uint64_t reads = 0, writes = 0;

 private:
  uint32_t value_;
};

void expect_uart_init(MmioScript& script) {
  script.write8(UART_IER_OFFSET, 0)
      .write8(UART_LCR_OFFSET, 0x83)
      .write8(UART_DLL_OFFSET, 0x34)
      .write8(UART_DLM_OFFSET, 0x12)
      .write8(UART_LCR_OFFSET, 0x03)
      .write8(UART_FCR_OFFSET, 0x07)
      .write8(UART_MCR_OFFSET, 0x03);
}
}  // namespace

TEST_CASE("uart_init sets 8N1 and the divisor behind DLAB, then empties the FIFOs") {
  MmioScript script(kBase);
  expect_uart_init(script);
  uart device;
  CHECK(uart_init(&device, kBase, 0x1234) == UART_OK);
}

TEST_CASE("uart_init touches no register when an argument is bad") {
  MmioScript script(kBase);
  uart device;
  CHECK(uart_init(nullptr, kBase, 1) == UART_BAD_ARGUMENT);
  CHECK(uart_init(&device, kBase, 0) == UART_BAD_ARGUMENT);
}

TEST_CASE("uart_put asks for an empty FIFO once, then writes sixteen bytes") {
  MmioScript script(kBase);
  uart device{kBase, 0};
  script.read8(UART_LSR_OFFSET, 0).read8(UART_LSR_OFFSET, UART_LSR_THRE_MASK);
  for (uint8_t i = 0; i < 16; i++) script.write8(UART_THR_OFFSET, i);
  script.read8(UART_LSR_OFFSET, UART_LSR_THRE_MASK).write8(UART_THR_OFFSET, 16);
  for (uint8_t i = 0; i < 17; i++) CHECK(uart_put(&device, i) == UART_OK);
}

TEST_CASE("uart_put gives up after UART_POLLS polls and writes nothing") {
  ConstantDevice stuck(0);
  uart device{kBase, 0};
  CHECK(uart_put(&device, 'x') == UART_TIMEOUT);
  CHECK(stuck.reads == UART_POLLS);
  CHECK(stuck.writes == 0);
}

TEST_CASE("uart_write sends all bytes in order, and touches no register for a null pointer") {
  MmioScript script(kBase);
  uart device{kBase, 0};
  script.read8(UART_LSR_OFFSET, UART_LSR_THRE_MASK)
      .write8(UART_THR_OFFSET, 'a')
      .write8(UART_THR_OFFSET, 'b')
      .write8(UART_THR_OFFSET, 'c');
  CHECK(uart_write(&device, "abc", 3) == UART_OK);
  CHECK(uart_write(&device, nullptr, 0) == UART_OK);
  CHECK(uart_write(&device, nullptr, 1) == UART_BAD_ARGUMENT);
  CHECK(uart_write(nullptr, "abc", 3) == UART_BAD_ARGUMENT);
}

TEST_CASE("uart_write ends at the first byte that finds no room") {
  ConstantDevice stuck(0);
  uart device{kBase, 1};
  CHECK(uart_write(&device, "abc", 3) == UART_TIMEOUT);
  CHECK(stuck.writes == 1);
  CHECK(stuck.reads == UART_POLLS);
}

TEST_CASE("uart_get tells empty, a byte, and a byte after a loss apart") {
  MmioScript script(kBase);
  uart device{kBase, 0};
  uint8_t byte = 7;
  script.read8(UART_LSR_OFFSET, 0);
  CHECK(uart_get(&device, &byte) == UART_EMPTY);
  CHECK(byte == 7);
  script.read8(UART_LSR_OFFSET, UART_LSR_DR_MASK).read8(UART_RBR_OFFSET, 'a');
  CHECK(uart_get(&device, &byte) == UART_OK);
  CHECK(byte == 'a');
  script.read8(UART_LSR_OFFSET, UART_LSR_DR_MASK | UART_LSR_OE_MASK).read8(UART_RBR_OFFSET, 'b');
  CHECK(uart_get(&device, &byte) == UART_OVERRUN);
  CHECK(byte == 'b');
}

TEST_CASE("clint_time reads again when the low half wrapped between its two reads") {
  MmioScript script(kBase);
  script.read32(CLINT_MTIME_HI_OFFSET, 1)
      .read32(CLINT_MTIME_LO_OFFSET, 0xFFFFFFFF)
      .read32(CLINT_MTIME_HI_OFFSET, 2)
      .read32(CLINT_MTIME_LO_OFFSET, 3)
      .read32(CLINT_MTIME_HI_OFFSET, 2);
  CHECK(clint_time(kBase) == 0x200000003);
}

TEST_CASE("clint_set_deadline never shows a compare value below the old and the new one") {
  MmioScript script(kBase);
  script.write32(CLINT_MTIMECMP_LO_OFFSET, 0xFFFFFFFF)
      .write32(CLINT_MTIMECMP_HI_OFFSET, 5)
      .write32(CLINT_MTIMECMP_LO_OFFSET, 6);
  clint_set_deadline(kBase, 0x500000006);
}

TEST_CASE("clint_set_software_interrupt writes 1 for every level but 0") {
  MmioScript script(kBase);
  script.write32(CLINT_MSIP_OFFSET, 1).write32(CLINT_MSIP_OFFSET, 0);
  clint_set_software_interrupt(kBase, 2);
  clint_set_software_interrupt(kBase, 0);
}

TEST_CASE("plic_enable changes one bit of one word") {
  MmioScript script(kBase);
  script.read32(PLIC_ENABLE_OFFSET + 4, 0x10).write32(PLIC_ENABLE_OFFSET + 4, 0x12);
  CHECK(plic_enable(kBase, 33, true) == PLIC_OK);
  script.read32(PLIC_ENABLE_OFFSET, 0xC00).write32(PLIC_ENABLE_OFFSET, 0x400);
  CHECK(plic_enable(kBase, 11, false) == PLIC_OK);
}

TEST_CASE("the PLIC driver touches no register for a source or level that does not exist") {
  MmioScript script(kBase);
  CHECK(plic_enable(kBase, 0, true) == PLIC_BAD_ARGUMENT);
  CHECK(plic_enable(kBase, PLIC_SOURCES, true) == PLIC_BAD_ARGUMENT);
  CHECK(plic_set_priority(kBase, 1, 8) == PLIC_BAD_ARGUMENT);
  CHECK(plic_set_threshold(kBase, 8) == PLIC_BAD_ARGUMENT);
  CHECK(plic_complete(kBase, 0) == PLIC_BAD_ARGUMENT);
}

TEST_CASE("plic_claim and plic_complete use the claim register") {
  MmioScript script(kBase);
  script.read32(PLIC_CLAIM_OFFSET, 11).write32(PLIC_CLAIM_OFFSET, 11);
  CHECK(plic_claim(kBase) == 11);
  CHECK(plic_complete(kBase, 11) == PLIC_OK);
}

TEST_CASE("watchdog_start loads, kicks and then enables") {
  MmioScript script(kBase);
  script.read32(WATCHDOG_ID_OFFSET, 0x474F4457)
      .read32(WATCHDOG_CTRL_OFFSET, 0)
      .write32(WATCHDOG_CTRL_OFFSET, 0)
      .write32(WATCHDOG_LOAD_OFFSET, 1000)
      .write32(WATCHDOG_KICK_OFFSET, 0x4B49434B)
      .write32(WATCHDOG_CTRL_OFFSET, 3);
  CHECK(watchdog_start(kBase, 1000, true) == WATCHDOG_OK);
}

TEST_CASE("watchdog_start writes nothing to a locked watchdog or to something else") {
  MmioScript script(kBase);
  script.read32(WATCHDOG_ID_OFFSET, 0x474F4457).read32(WATCHDOG_CTRL_OFFSET, WATCHDOG_CTRL_LOCK_MASK);
  CHECK(watchdog_start(kBase, 1000, true) == WATCHDOG_LOCKED);
  script.read32(WATCHDOG_ID_OFFSET, 0);
  CHECK(watchdog_start(kBase, 1000, true) == WATCHDOG_NOT_FOUND);
  CHECK(watchdog_start(kBase, 0, true) == WATCHDOG_BAD_ARGUMENT);
}

TEST_CASE("watchdog_lock keeps what runs, and then watchdog_stop writes nothing, but watchdog_kick does") {
  MmioScript script(kBase);
  script.read32(WATCHDOG_CTRL_OFFSET, 3)
      .write32(WATCHDOG_CTRL_OFFSET, 3 | WATCHDOG_CTRL_LOCK_MASK)
      .read32(WATCHDOG_ID_OFFSET, 0x474F4457)
      .read32(WATCHDOG_CTRL_OFFSET, 3 | WATCHDOG_CTRL_LOCK_MASK)
      .write32(WATCHDOG_KICK_OFFSET, 0x4B49434B);
  watchdog_lock(kBase);
  CHECK(watchdog_stop(kBase) == WATCHDOG_LOCKED);
  watchdog_kick(kBase);
}

TEST_CASE("watchdog_reset_cause reads why the board started") {
  MmioScript script(kBase);
  script.read32(WATCHDOG_CAUSE_OFFSET, 2);
  CHECK(watchdog_reset_cause(kBase) == WATCHDOG_CAUSE_EXPIRY);
}

TEST_CASE("finisher_end passes with 0 and carries any other code in the upper half") {
  MmioScript script(kBase);
  script.write32(0, 0x5555).write32(0, 0x00073333).write32(0, 0x7777);
  finisher_end(kBase, 0);
  finisher_end(kBase, 7);
  finisher_reset(kBase);
}
