// Registers' values on the bus: little-endian, and no byte but those of the access.
#include "platform/bus/register_value.h"

#include <array>
#include <catch2/catch.hpp>

using namespace backboard;

namespace {

using Bytes = std::array<uint8_t, 5>;

BusAccess access_of(Bytes& bytes, uint32_t size_bytes) {
  BusAccess access;
  access.data = bytes.data();
  access.size = size_bytes;
  return access;
}

}  // namespace

TEST_CASE("a read is answered in the bytes of the access, the lowest first") {
  const auto answered = [](uint32_t size_bytes) {
    Bytes bytes{0xee, 0xee, 0xee, 0xee, 0xee};
    give_value(access_of(bytes, size_bytes), 0x04030201);
    return bytes;
  };
  CHECK(answered(1) == Bytes{1, 0xee, 0xee, 0xee, 0xee});
  CHECK(answered(2) == Bytes{1, 2, 0xee, 0xee, 0xee});
  CHECK(answered(4) == Bytes{1, 2, 3, 4, 0xee});
}

TEST_CASE("a write brings the bytes of the access and nothing above them") {
  Bytes bytes{0x81, 0x82, 0x83, 0x84, 0x85};
  CHECK(value_of(access_of(bytes, 1)) == 0x81);
  CHECK(value_of(access_of(bytes, 2)) == 0x8281);
  CHECK(value_of(access_of(bytes, 4)) == 0x84838281);
}
