// Loads and stores that are looked up together: which are, and that it makes no difference where they lead.
#include <catch2/catch.hpp>

#include "platform/cpu/access_groups.h"
#include "tests/platform/cpu/both_tiers.h"

using namespace backboard;
using namespace backboard::rv;
using test::compare_tiers;
using test::FlatBus;
using test::Machine;

namespace {

AccessGroups groups_of(const std::vector<uint32_t>& instructions) {
  std::vector<Operation> operations;
  for (const uint32_t bits : instructions) operations.push_back(decode(bits));
  return group_accesses(operations);
}

}  // namespace

TEST_CASE("four accesses by a register that has not changed are a group, from the first byte to the last") {
  const auto words = groups_of({lw(10, 8, 0), lw(11, 8, 4), sw(10, 12, 8), lw(12, 8, -8), lw(13, 9, 0)});
  REQUIRE(words.groups.size() == 1);
  CHECK(words.members == 0xf);
  const AccessGroup& group = words.groups[0];
  CHECK(group.base == 8);
  CHECK(group.first == -8);
  CHECK(group.last == 15);
  CHECK(group.alignment == 4);
  CHECK(group.reads);
  CHECK(group.writes);
  // The lowest byte is aligned down to where words are.
  const auto mixed = groups_of({lw(10, 8, 4), lbu(11, 8, 3), lhu(12, 8, 8), lb(13, 8, 9), lbu(14, 8, 1)});
  REQUIRE(mixed.groups.size() == 1);
  CHECK(mixed.groups[0].first == 0);
  CHECK(mixed.groups[0].last == 9);
  CHECK_FALSE(mixed.groups[0].writes);
}

TEST_CASE("no group: three accesses, a register that was written before, x0, atomic instructions, more than a page") {
  CHECK(groups_of({lw(10, 8, 0), lw(11, 8, 4), lw(12, 8, 8)}).members == 0);
  CHECK(groups_of({lw(10, 8, 0), lw(11, 8, 4), lw(12, 8, 8), addi(8, 8, 4), lw(13, 8, 12)}).members == 0);
  CHECK(groups_of({lw(10, 8, 0), lw(11, 8, 4), lw(12, 8, 8), lw(8, 8, 12), lw(13, 8, 16)}).members == 0xf);
  CHECK(groups_of({lw(10, 0, 0), lw(11, 0, 4), lw(12, 0, 8), lw(13, 0, 12)}).members == 0);
  CHECK(groups_of({lw(10, 8, 0), lw(11, 8, 4), lw(12, 8, 8), lw(13, 8, 12), 0x0000202fu}).members == 0);  // amoadd.w
  CHECK(groups_of({lbu(10, 8, -2048), lbu(11, 8, 2047), lbu(12, 8, 8), lbu(13, 8, 12)}).members == 0xf);
  CHECK(groups_of({lw(10, 8, -2048), lw(11, 8, 2046), lw(12, 8, 2044), lw(13, 8, 12)}).members == 0);
}

TEST_CASE("an access that is aligned unlike the others stays outside their group") {
  const auto groups = groups_of({lw(10, 8, 0), lw(11, 8, 4), lw(12, 8, 6), lw(13, 8, 8), lhu(14, 8, 6)});
  CHECK(groups.members == 0b11011);
}

TEST_CASE("a group ends the same in both tiers, wherever its register points") {
  Program p;
  const uint32_t start = p.here();
  p << lw(10, 9, 0) << lw(11, 9, 4) << lw(12, 9, 8) << add(13, 11, 12) << sw(13, 12, 9) << lhu(14, 9, 16);
  p << lw(15, 8, 0) << sb(15, 17, 9) << addi(9, 9, 4);
  p << jal(0, static_cast<int32_t>(start) - static_cast<int32_t>(p.here()));
  const uint32_t ram_end = Machine::kBase + static_cast<uint32_t>(Machine().bus.ram().size());
  const uint32_t places[] = {Machine::kData,
                             Machine::kData + 1,
                             Machine::kData + 0xff0,
                             Machine::kData + 0xff2,
                             Machine::kBase - 8,
                             ram_end - 24,
                             ram_end - 4,
                             Machine::kBase,
                             FlatBus::kDevice,
                             0xfffffff0,
                             0,
                             4};
  for (const uint32_t place : places) {
    INFO("x9 " << place);
    compare_tiers(p, 60, place);
  }
}

TEST_CASE("behind a call for an access a block goes on with looks of its own") {
  // The device is between accesses of a group; a store to code, too, is the core's to carry out.
  Program p;
  p.li(18, FlatBus::kDevice).li(19, Machine::kBase);
  const uint32_t start = p.here();
  p << lw(10, 8, 0) << lw(11, 8, 4) << lw(12, 18, 0) << addi(11, 11, 3) << sw(11, 8, 8) << sw(12, 12, 8);
  p << lw(13, 19, 0) << sw(13, 0, 19) << lw(14, 8, 16) << sw(14, 4, 8);
  p << bne(10, 5, static_cast<int32_t>(start) - static_cast<int32_t>(p.here()));
  p << jal(0, 0);
  for (const uint64_t instructions : {12u, 16u, 40u, 101u}) compare_tiers(p, instructions);
}

TEST_CASE("memory that the bus takes back in the middle of a block is looked at no more, in a group or not") {
  const auto run = [](JitUse jit) {
    CoreConfig config;
    config.jit = jit;
    config.jit_after = 0;
    Machine m(config);
    m.bus.read_latency_ps = 50'000;
    unsigned calls = 0;
    m.bus.on_device = [&](BusAccess& access, uint64_t&) {
      std::memset(access.data, 0, access.size);
      if (++calls == 5) {
        m.bus.offer_direct = false;
        m.core->forget_direct();
      }
      return BusResponse::ok;
    };
    Program p;
    p.li(18, FlatBus::kDevice);
    const uint32_t start = p.here();
    p << lw(10, 8, 0) << lw(11, 8, 4) << lw(12, 18, 0) << addi(11, 11, 3) << sw(11, 4, 8) << sw(11, 12, 8);
    p << lw(13, 8, 12) << lw(14, 8, 16);
    p << jal(0, static_cast<int32_t>(start) - static_cast<int32_t>(p.here()));
    m.execute(p, 60, [&] { m.core->set_x(8, Machine::kData); });
    return std::vector<uint64_t>{m.bus.transactions, m.core->time_ps(), m.core->pc(), m.x(11), m.x(13), calls};
  };
  CHECK(run(JitUse::automatic) == run(JitUse::off));
}
