#include "platform/bus/address_map.h"

#include <catch2/catch.hpp>

#include "platform/bus/memory_map.h"
#include "platform/config/config.h"

namespace backboard {
namespace {

AddressMap small_map() {
  return AddressMap({{"b", 0x2000, 0x2FFF}, {"a", 0x1000, 0x1FFF}, {"top", ~0xFFFull, ~0ull}});
}

TEST_CASE("an address belongs to the range that holds all of the access") {
  const AddressMap map = small_map();
  CHECK(map.find(0x1000, 4) == 1);
  CHECK(map.find(0x1FFC, 4) == 1);
  CHECK(map.find(0x1FFD, 4) == AddressMap::kNobody);  // into the neighbour
  CHECK(map.find(0x2FFF, 1) == 0);
  CHECK(map.find(0x3000, 1) == AddressMap::kNobody);
  CHECK(map.find(0xFFF, 1) == AddressMap::kNobody);
  CHECK(map.find(0, 0) == AddressMap::kNobody);
  CHECK(map.find(~0ull, 1) == 2);
  CHECK(map.find(~0ull, 2) == AddressMap::kNobody);  // wraps round
  CHECK(map.find(0x1000, UINT64_MAX) == AddressMap::kNobody);
}

TEST_CASE("a master with windows may use only what one of them covers") {
  AccessWindows windows;
  CHECK(windows.allows(BusOp::write, 0x1234, 100));
  windows.add({BusMaster::npu, 0x1000, 0x1FFF, true, false});
  windows.add({BusMaster::npu, 0x2000, 0x2FFF, true, true});
  CHECK(windows.allows(BusOp::read, 0x1000, 0x1000));
  CHECK_FALSE(windows.allows(BusOp::read, 0x1000, 0x1001));
  CHECK_FALSE(windows.allows(BusOp::write, 0x1000, 1));
  CHECK(windows.allows(BusOp::write, 0x2FFF, 1));
  CHECK_FALSE(windows.allows(BusOp::read, 0xFFF, 1));
  CHECK_FALSE(windows.allows(BusOp::read, UINT64_MAX, 2));
}

TEST_CASE("a direct region is narrowed to the window") {
  AccessWindows windows;
  windows.add({BusMaster::core, 0x1800, 0x18FF, true, false});
  uint8_t memory[0x1000];
  DirectRegion region{memory, 0x1000, 0x1FFF};
  CHECK_FALSE(windows.clip(0x1000, region));
  CHECK(windows.clip(0x1810, region));
  CHECK(region.first == 0x1800);
  CHECK(region.last == 0x18FF);
  CHECK(region.bytes == memory + 0x800);
  CHECK(region.readable);
  CHECK_FALSE(region.writable);
}

std::string error_of(const std::string& yaml) {
  try {
    config_from<MapConfig>(parse_yaml(yaml, "map.yaml"));
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

TEST_CASE("the default map has no overlap and follows QEMU's virt machine") {
  const MapConfig map = config_from<MapConfig>(parse_yaml("{}", "map.yaml"));
  CHECK(map[Place::kDRAM].base == 0x80000000);
  CHECK(map[Place::kUART].base == 0x10000000);
  CHECK(map[Place::kPLIC].base == 0x0C000000);
  CHECK(map[Place::kCLINT].base == 0x02000000);
  CHECK(map[Place::kFINISHER].base == 0x00100000);
}

TEST_CASE("overlapping places are an error with file and line") {
  const std::string error = error_of("sram:\n  size: 64 KiB\nuart:\n  base: 0x0C3FF000\n");
  CHECK(error.find("map.yaml:4: uart: ") == 0);
  CHECK(error.find("overlaps plic") != std::string::npos);
  CHECK(error_of("dram:\n  size: 4097\n").find("map.yaml:2") == 0);
  CHECK(error_of("dram:\n  base: 0x80000800\n").find("map.yaml:2") == 0);
  CHECK(error_of("npu2: 1\n").find("map.yaml:1") == 0);
}

}  // namespace
}  // namespace backboard
