#include "platform/dram/mapping/address_mapping.h"

#include <catch2/catch.hpp>
#include <set>

#include "platform/check/input_error.h"
#include "tests/platform/dram/parts.h"

namespace backboard::dram {
namespace {

TEST_CASE("DDR4's groups lie below its banks in an address, and a bank counts over all groups") {
  const AddressMapping mapping(part("ddr4-2400"));
  // Byte 0-2, column 3-12, group 13-14, bank 15-16, row 17-32.
  const BurstPlace place = mapping.place(uint64_t{5} << 17 | 1u << 15 | 2u << 13 | 0x3C0u << 3 | 7);
  CHECK(place.row == 5);
  CHECK(place.bank == 2 * 4 + 1);
  CHECK(place.column == 0x3C0);
}

TEST_CASE("with its bits in any order each burst of a small part has a place of its own") {
  MemoryConfig config = part("lpddr4-3200");
  config.rows = 4;
  config.address.row = {12, 5};
  config.address.bank = {15, 6, 13};
  config.address.column = {1, 2, 3, 4, 7, 8, 9, 10, 11, 14};
  config.check();
  const AddressMapping mapping(config);
  std::set<std::tuple<uint32_t, uint32_t, uint32_t>> places;
  for (uint64_t address = 0; address < config.capacity_bytes(); address += 32) {
    const BurstPlace p = mapping.place(address);
    CHECK((p.bank < 8 && p.row < 4 && p.column < 1024));
    places.insert({p.bank, p.row, p.column});
    CHECK(mapping.place(address + 31).column == p.column);
  }
  CHECK(places.size() == config.capacity_bytes() / 32);
}

TEST_CASE("a mapping that misses or repeats a bit is refused") {
  CHECK_THROWS_WITH(part("lpddr4-3200", {"address.bank=[11, 12, 12]"}),
                    Catch::Contains("must use each address bit exactly once"));
  CHECK_THROWS_WITH(part("lpddr4-3200", {"address.bank=[11, 12]"}), Catch::Contains("has 2 bits for 8 values"));
  CHECK_THROWS_WITH(part("ddr4-2400", {"controller.refresh=per_bank"}), Catch::Contains("DDR4 has no refresh"));
}

}  // namespace
}  // namespace backboard::dram
