// The interpreter's handlers that take an operand from the result at hand (forwarded.def), and those for two
// instructions (pairs.def).
#include "platform/cpu/handlers.h"

#include <array>
#include <catch2/catch.hpp>
#include <cstring>

#include "tests/platform/cpu/instruction_bits.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

struct Row {
  InstructionId id;
  Handler handler;
  bool second;  ///< takes rs2 from what is at hand
  bool rv64;    ///< only
};

constexpr bool is_second(std::string_view operand) {
  return operand == "rs2";
}

const Row kRows[] = {
#define FORWARDED(id, operand) {InstructionId::id, Handler::id##_##operand, is_second(#operand), false},
#define FORWARDED64(id, operand) {InstructionId::id, Handler::id##_##operand, is_second(#operand), true},
#include "platform/cpu/forwarded.def"
};

bool accesses_memory(InstructionId id) {
  const InstructionKind kind = kind_of(id);
  return kind == InstructionKind::load || kind == InstructionKind::store;
}

void check_row(const Row& row, Isa isa, uint64_t at_hand, uint64_t other) {
  Program p;
  p << addi(10, 9, 24) << encode(row.id, isa, row.second ? 11 : 10, row.second ? 10 : 11) << addi(13, 12, 1)
    << addi(14, 13, 1) << jal(0, 0);
  CoreConfig config;
  config.isa = isa;
  config.jit = JitUse::off;
  Machine in_block(config), one_by_one(config);
  const auto prepare = [&](Machine& machine) {
    for (unsigned i = 0; i < 64; ++i) machine.bus.at(Machine::kData)[i] = static_cast<uint8_t>(0xF3 * i + 0x81);
    machine.load(p);
    machine.start();
    machine.core->set_x(9, at_hand - 24);
    machine.core->set_x(11, other);
    machine.core->set_x(12, 7);
  };
  prepare(in_block);
  prepare(one_by_one);
  in_block.run(8);
  for (unsigned i = 0; i < 8; ++i) one_by_one.run(1);
  CHECK(in_block.core->statistics().instructions == 8);
  for (unsigned i = 0; i < 32; ++i) {
    INFO("x" << i);
    CHECK(in_block.core->x(i) == one_by_one.core->x(i));
  }
  CHECK(in_block.core->pc() == one_by_one.core->pc());
  CHECK(in_block.core->time_ps() == one_by_one.core->time_ps());
  CHECK(std::memcmp(in_block.bus.at(Machine::kData), one_by_one.bus.at(Machine::kData), 64) == 0);
  CHECK(in_block.log.traps.empty());
}

}  // namespace

TEST_CASE("an instruction that takes its operand from the result at hand does what it does by itself") {
  for (const Isa isa : {Isa::rv32imafc, Isa::rv64imafdc}) {
    for (const Row& row : kRows) {
      if (row.rv64 && isa == Isa::rv32imafc) continue;
      INFO(static_cast<unsigned>(row.handler));
      const Operation first = decode(addi(10, 9, 24), isa);
      Operation producer = first,
                consumer = decode(encode(row.id, isa, row.second ? 11 : 10, row.second ? 10 : 11), isa);
      HandlerChoice handlers;
      handlers.choose(producer);
      handlers.choose(consumer);
      CHECK(producer.handler == plain_handler(InstructionId::ADDI));
      CHECK(consumer.handler == static_cast<uint16_t>(row.handler));
      if (accesses_memory(row.id)) {
        const uint64_t place = Machine::kData + 16, value = 0x8123'4567'89AB'CDEF;
        check_row(row, isa, row.second ? value : place, row.second ? place : value);
        continue;
      }
      const uint64_t values[] = {0, 1, 5, 31, 0x7FFF'FFFF, 0x8000'0000, 0xFFFF'FFFF'8000'0001, ~uint64_t{0}};
      for (const uint64_t a : values) {
        for (const uint64_t b : values) check_row(row, isa, a, b);
      }
    }
  }
}

namespace {

struct PairRow {
  InstructionId first, second;
  const char *first_at, *second_at;
  Handler both;
};

const PairRow kPairRows[] = {
#define PAIR(c1, i1, at1, c2, i2, at2) \
  {InstructionId::i1, InstructionId::i2, #at1, #at2, Handler::i1##_##at1##_##i2##_##at2},
#include "platform/cpu/pairs.def"
};

/// Both instructions, the first behind one that leaves x10 at hand: what is not at hand lies in x11 (rs1) and x8.
std::array<uint32_t, 2> encode(const PairRow& row) {
  const auto with = [](InstructionId id, std::string_view at, uint32_t at_hand, uint32_t rd) {
    return encode(id, Isa::rv32imafc, at == "rs1" ? at_hand : 11, at == "rs2" ? at_hand : 8, rd);
  };
  const bool writes = kind_of(row.first) != InstructionKind::store;
  return {with(row.first, row.first_at, 10, 12), with(row.second, row.second_at, writes ? 12 : 10, 13)};
}

/// Runs the pair in a block, and one instruction after the other: the same is left, traps too.
void check_pair(const PairRow& row, const std::array<uint32_t, 3>& values) {
  Program p;
  p << addi(10, 9, 0);
  for (const uint32_t bits : encode(row)) p << bits;
  p << addi(14, 13, 1) << addi(15, 14, 1) << jal(0, 0);
  CoreConfig config;
  config.jit = JitUse::off;
  Machine in_block(config), one_by_one(config);
  for (Machine* machine : {&in_block, &one_by_one}) {
    for (uint32_t i = 0; i < 64; i += 4) machine->bus.set_word(Machine::kData + i, Machine::kData + (i * 7 + 3) % 64);
    machine->load(p);
    machine->start();
    machine->core->set_x(9, values[0]);
    machine->core->set_x(11, values[1]);
    machine->core->set_x(8, values[2]);
  }
  in_block.run(6);
  for (unsigned i = 0; i < 6; ++i) one_by_one.run(1);
  for (unsigned i = 0; i < 32; ++i) {
    INFO("x" << i);
    CHECK(in_block.core->x(i) == one_by_one.core->x(i));
  }
  CHECK(in_block.core->pc() == one_by_one.core->pc());
  CHECK(in_block.core->time_ps() == one_by_one.core->time_ps());
  CHECK(in_block.core->csr(0x342) == one_by_one.core->csr(0x342));
  CHECK(in_block.core->statistics().loads == one_by_one.core->statistics().loads);
  CHECK(std::memcmp(in_block.bus.at(Machine::kData), one_by_one.bus.at(Machine::kData), 64) == 0);
}

}  // namespace

TEST_CASE("two instructions that have a handler together do what they do one by one") {
  const uint32_t place = Machine::kData + 16;
  for (const PairRow& row : kPairRows) {
    INFO(static_cast<unsigned>(row.both));
    std::array<Operation, 3> operations{decode(addi(10, 9, 0))};
    for (unsigned i = 0; i < 2; ++i) operations[i + 1] = decode(encode(row)[i]);
    HandlerChoice handlers;
    for (Operation& operation : operations) handlers.choose(operation);
    HandlerChoice::pair(std::span(operations).subspan(1));
    CHECK(operations[1].handler == static_cast<uint16_t>(row.both));
    check_pair(row, {place, place + 4, 8});
    check_pair(row, {place, 12, place});
    check_pair(row, {8, place, place});
    check_pair(row, {31, 0xC000'0000, ~0u});  // not where the program lies
    check_pair(row, {~0u, 0x3FFF'FFFF, 1});
  }
}

TEST_CASE("the second of a pair keeps its own handler, and is no first of another pair") {
  std::array<Operation, 4> operations{decode(addi(10, 9, 1)), decode(addi(11, 9, 1)), decode(addi(12, 9, 1)),
                                      decode(ecall())};
  HandlerChoice handlers;
  for (Operation& operation : operations) handlers.choose(operation);
  HandlerChoice::pair(operations);
  CHECK(operations[0].handler == static_cast<uint16_t>(Handler::ADDI_x_ADDI_x));
  CHECK(operations[1].handler == plain_handler(InstructionId::ADDI));
  CHECK(operations[2].handler == plain_handler(InstructionId::ADDI));
}

TEST_CASE("what is at hand is the last result of the block, as long as nothing else wrote a register") {
  const uint32_t use = add(15, 10, 11);
  const auto handler_behind = [&](std::initializer_list<uint32_t> before) {
    HandlerChoice handlers;
    for (const uint32_t bits : before) {
      Operation operation = decode(bits);
      handlers.choose(operation);
    }
    Operation operation = decode(use);
    handlers.choose(operation);
    return operation.handler;
  };
  const uint16_t plain = plain_handler(InstructionId::ADD);
  const auto first = static_cast<uint16_t>(Handler::ADD_rs1), second = static_cast<uint16_t>(Handler::ADD_rs2);
  CHECK(handler_behind({}) == plain);
  CHECK(handler_behind({lui(10, 1)}) == first);
  CHECK(handler_behind({auipc(11, 1)}) == second);
  CHECK(handler_behind({lw(10, 0, 8)}) == first);
  CHECK(handler_behind({div(11, 8, 9)}) == second);
  CHECK(handler_behind({lui(10, 1), sw(9, 0, 8)}) == first);  // stores write no register
  CHECK(handler_behind({lui(10, 1), fence()}) == first);
  CHECK(handler_behind({lui(10, 1), flw(10, 8, 0)}) == first);  // nor do loads into the others
  CHECK(handler_behind({flw(10, 8, 0)}) == plain);
  CHECK(handler_behind({lui(10, 1), lui(12, 1)}) == plain);
  CHECK(handler_behind({lui(10, 1), lui(0, 1)}) == plain);
  CHECK(handler_behind({lui(10, 1), amoadd_w(10, 8, 9)}) == plain);
  CHECK(handler_behind({lui(10, 1), fmv_x_w(10, 1)}) == plain);
  CHECK(handler_behind({lui(10, 1), csrrw(10, 0x340, 9)}) == plain);
}

TEST_CASE("a jump into the middle of a block finds nothing at hand") {
  // The block from its start has x10 at hand for the add; the one that starts at the add has not.
  Program p;
  p << addi(10, 0, 100) << add(12, 10, 11) << addi(10, 0, 1) << addi(13, 13, 1) << bne(13, 14, -12) << jal(0, 0);
  Machine m;
  m.execute(p, 11, [&] {
    m.core->set_x(11, 5);
    m.core->set_x(14, 2);
  });
  CHECK(m.x(12) == 6);
  CHECK(m.x(13) == 2);
}
