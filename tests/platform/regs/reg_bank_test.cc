#include "platform/regs/reg_bank.h"

#include <array>
#include <catch2/catch.hpp>

#include "platform/regs/blocks.h"
#include "platform/regs/npu_regs.h"
#include "tests/platform/regs/test_blocks.h"

using namespace backboard;

TEST_CASE("each access kind follows its rule and refused accesses change nothing") {
  RegBank bank(wide::kBlock);
  uint32_t value = 0xdead;
  CHECK(bank.read(0x0, 4, value) == RegisterResult::ok);
  CHECK(value == 0x1234);
  CHECK(bank.write(0x0, 4, 1) == RegisterResult::read_only);
  CHECK(bank.get(wide::Reg::W_RO) == 0x1234);

  CHECK(bank.write(0x4, 4, 0xffff'ffff) == RegisterResult::ok);
  // W_RW has fields at bits 0..3 and 8..15: the others keep the reset value 0x8000'0000.
  CHECK(bank.get(wide::Reg::W_RW) == 0x8000'ff0f);
  CHECK(bank.get(wide::Field::W_RW_HIGH) == 0xff);
  bank.set(wide::Field::W_RW_HIGH, 0x1a5);
  CHECK(bank.get(wide::Reg::W_RW) == 0x8000'a50f);

  value = 77;
  CHECK(bank.read(0x8, 4, value) == RegisterResult::write_only);
  CHECK(value == 77);
  CHECK(bank.write(0x8, 4, 5) == RegisterResult::ok);
  CHECK(bank.peek(0x8, 4, value) == RegisterResult::ok);
  CHECK(value == 5);

  bank.set(wide::Reg::W_W1C, 0b1111);
  CHECK(bank.write(0xC, 4, 0b0101) == RegisterResult::ok);
  CHECK(bank.get(wide::Reg::W_W1C) == 0b1010);
}

TEST_CASE("a wrong size, a wrong alignment and a hole are told apart") {
  RegBank bank(wide::kBlock);
  uint32_t value = 0;
  CHECK(bank.read(0x4, 1, value) == RegisterResult::bad_size);
  CHECK(bank.read(0x4, 8, value) == RegisterResult::bad_size);
  CHECK(bank.write(0x6, 2, 0) == RegisterResult::bad_size);
  CHECK(bank.read(0x10, 4, value) == RegisterResult::no_register);
  CHECK(bank.read(0xffff'fffc, 4, value) == RegisterResult::no_register);
  CHECK(bank.find(0x4, true)->name == "W_RW");
  CHECK(bank.find(0x10, true) == nullptr);
}

TEST_CASE("elements of a register array have their own storage and reach the hooks by index") {
  RegBank bank(wide::kBlock);
  uint32_t seen = 99;
  bank.on_write(wide::Reg::W_ARRAY, [&](const RegisterWrite& w) { seen = w.index; });
  CHECK(bank.write(0x108, 4, 42) == RegisterResult::ok);
  CHECK(seen == 1);
  CHECK(bank.get(wide::Reg::W_ARRAY, 0) == 7);
  CHECK(bank.get(wide::Reg::W_ARRAY, 1) == 42);
  // Stride 8: the words between elements are holes.
  CHECK(bank.write(0x104, 4, 0) == RegisterResult::no_register);
  CHECK(bank.write(0x100 + 3 * 8, 4, 0) == RegisterResult::no_register);
}

TEST_CASE("peek has no side effects, read has, and a source is looked at by both") {
  RegBank bank(wide::kBlock);
  unsigned pops = 0;
  bank.source(wide::Reg::W_RO, [&](uint32_t) { return 100 + pops; });
  bank.on_read(wide::Reg::W_RO, [&](uint32_t) { ++pops; });
  uint32_t value = 0;
  CHECK(bank.peek(0x0, 4, value) == RegisterResult::ok);
  CHECK(value == 100);
  CHECK(pops == 0);
  CHECK(bank.read(0x0, 4, value) == RegisterResult::ok);
  CHECK(value == 100);
  CHECK(bank.read(0x0, 4, value) == RegisterResult::ok);
  CHECK(value == 101);
}

TEST_CASE("a write hook sees old, written and stored values and may clear a self-clearing bit") {
  RegBank bank(wide::kBlock);
  bank.on_write(wide::Reg::W_RW, [&](const RegisterWrite& w) {
    CHECK(w.old == 0x8000'0000);
    CHECK(w.written == 0xff);
    CHECK(w.stored == 0x8000'000f);
    bank.set(wide::Field::W_RW_LOW, 0);
  });
  CHECK(bank.write(0x4, 4, 0xff) == RegisterResult::ok);
  CHECK(bank.get(wide::Reg::W_RW) == 0x8000'0000);
}

TEST_CASE("byte registers share offsets by direction and by bank as in a 16550") {
  RegBank bank(uart_like::kBlock);
  uint32_t value = 0;
  CHECK(bank.read(0, 1, value) == RegisterResult::ok);
  CHECK(value == 0x11);
  CHECK(bank.write(0, 1, 'x') == RegisterResult::ok);
  CHECK(bank.get(uart_like::Reg::T_THR) == 'x');
  CHECK(bank.get(uart_like::Reg::T_RBR) == 0x11);
  CHECK(bank.write(0, 4, 'x') == RegisterResult::bad_size);
  bank.select_bank(1);
  CHECK(bank.read(0, 1, value) == RegisterResult::ok);
  CHECK(value == 0x22);
  CHECK(bank.write(1, 1, 0xff) == RegisterResult::ok);
  CHECK(bank.get(uart_like::Reg::T_DLM) == 0xff);
  CHECK(bank.get(uart_like::Reg::T_IER) == 0);
  // Bank 1 has nothing at 3: bank 0 answers.
  CHECK(bank.write(3, 1, 0xff) == RegisterResult::ok);
  CHECK(bank.get(uart_like::Reg::T_LCR) == 0x83);
}

TEST_CASE("a saved bank is restored with its values and its selected bank") {
  RegBank saved(uart_like::kBlock);
  saved.select_bank(1);
  CHECK(saved.write(0, 1, 0x5a) == RegisterResult::ok);
  StateArchive out;
  saved.state(out);
  RegBank restored(uart_like::kBlock);
  StateArchive in(out.bytes(), "test");
  restored.state(in);
  uint32_t value = 0;
  CHECK(restored.read(0, 1, value) == RegisterResult::ok);
  CHECK(value == 0x5a);
  restored.reset();
  CHECK(restored.read(0, 1, value) == RegisterResult::ok);
  CHECK(value == 0x11);
  RegBank other(wide::kBlock);
  StateArchive foreign(out.bytes(), "test");
  CHECK_THROWS_AS(other.state(foreign), InputError);
}

namespace {
constexpr RegisterInfo reg(std::string_view name, uint32_t offset, RegisterAccess access = RegisterAccess::RW) {
  return {name, offset, access, 0, "", 4, 0, 1, 4};
}
constexpr bool formed(std::span<const RegisterInfo> registers, std::span<const FieldInfo> fields = {}) {
  return well_formed({"b", "", registers, fields});
}
}  // namespace

TEST_CASE("well_formed refuses every mistake that a register file can make") {
  const RegisterInfo good[] = {reg("A", 0), reg("B", 4)};
  CHECK(formed(good));
  CHECK_FALSE(formed(std::array{reg("A", 0), reg("A", 4)}));
  CHECK_FALSE(formed(std::array{reg("A", 4), reg("B", 0)}));
  CHECK_FALSE(formed(std::array{reg("A", 0), reg("B", 0)}));
  CHECK_FALSE(formed(std::array{reg("A", 2)}));
  CHECK(formed(std::array{reg("A", 0, RegisterAccess::RO), reg("B", 0, RegisterAccess::WO)}));
  CHECK(formed(good, std::array{FieldInfo{"A", "F", 0, 4, ""}, FieldInfo{"A", "G", 4, 28, ""}}));
  CHECK_FALSE(formed(good, std::array{FieldInfo{"A", "F", 0, 4, ""}, FieldInfo{"A", "G", 3, 1, ""}}));
  CHECK_FALSE(formed(good, std::array{FieldInfo{"A", "F", 30, 4, ""}}));
  CHECK_FALSE(formed(good, std::array{FieldInfo{"C", "F", 0, 4, ""}}));
  CHECK_FALSE(formed(good, std::array{FieldInfo{"A", "F", 0, 0, ""}}));
  CHECK_FALSE(formed({}));
}

TEST_CASE("the table of blocks ascends, fits the memory map and names are unique") {
  uint64_t end = 0;
  for (const PlacedBlock& placed : all_blocks()) {
    CHECK(well_formed(*placed.block));
    CHECK(placed.base >= end);
    end = placed.base + placed.size_bytes;
    const RegisterInfo& last = placed.block->registers.back();
    CHECK(last.offset + uint64_t{last.count - 1} * last.stride_bytes + last.width_bytes <= placed.size_bytes);
    CHECK(find_block(placed.block->name) == &placed);
  }
  CHECK(find_block("npu")->base == 0x10010000);
  CHECK(offset_of(npu_regs::Reg::NPU_CTRL) == 0x40);
  CHECK(find_block("nothing") == nullptr);
}
