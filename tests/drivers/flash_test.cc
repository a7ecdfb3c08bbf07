// The flash driver against a flash behind registers.
#include <catch2/catch.hpp>
#include <numeric>
#include <set>
#include <string>

#include "drivers/flash/flash.h"
#include "tests/drivers/fake_flash.h"

using backboard::test::FakeFlash;

namespace {
constexpr uint32_t kSize = 64 * 1024;

flash open_flash() {
  flash device;
  REQUIRE(flash_init(&device, FakeFlash::kBase, FakeFlash::kWindow) == FLASH_OK);
  return device;
}
}  // namespace

TEST_CASE("flash_init reads size and geometry") {
  FakeFlash fake(kSize);
  const flash device = open_flash();
  CHECK(device.size_bytes == kSize);
  CHECK(device.page_bytes == 256);
  CHECK(device.sector_bytes == 4096);
}

TEST_CASE("bytes at any offset and of any length are programmed page by page and read back") {
  FakeFlash fake(kSize);
  flash device = open_flash();
  std::vector<uint8_t> data(1000), back(1000);
  std::iota(data.begin(), data.end(), uint8_t{1});
  for (const uint32_t offset : {0u, 1u, 255u, 256u, 4095u}) {
    CHECK(flash_erase(&device, 0, 2 * 4096) == FLASH_OK);
    CHECK(flash_program(&device, offset, data.data(), 1000) == FLASH_OK);
    CHECK(flash_read(&device, offset, back.data(), 1000) == FLASH_OK);
    CHECK(back == data);
    CHECK(flash_verify(&device, offset, data.data(), 1000) == FLASH_OK);
    fake.bytes[offset + 999] ^= 1;
    CHECK(flash_verify(&device, offset, data.data(), 1000) == FLASH_DIFFERS);
    CHECK(fake.bytes[offset + 1000] == 0xFF);
  }
}

TEST_CASE("erasing sets whole sectors and nothing beside them") {
  FakeFlash fake(kSize);
  std::fill(fake.bytes.begin(), fake.bytes.end(), 0);
  flash device = open_flash();
  CHECK(flash_erase(&device, 4096, 8192) == FLASH_OK);
  CHECK(fake.bytes[4095] == 0);
  CHECK(fake.bytes[4096] == 0xFF);
  CHECK(fake.bytes[4096 + 8191] == 0xFF);
  CHECK(fake.bytes[4096 + 8192] == 0);
}

TEST_CASE("misaligned erases and ranges beyond the end change nothing") {
  FakeFlash fake(kSize);
  flash device = open_flash();
  const auto before = fake.bytes;
  uint8_t byte = 0;
  CHECK(flash_erase(&device, 1, 4096) == FLASH_BAD_ARGUMENT);
  CHECK(flash_erase(&device, 0, 100) == FLASH_BAD_ARGUMENT);
  CHECK(flash_erase(&device, kSize, 4096) == FLASH_BAD_ARGUMENT);
  CHECK(flash_erase(&device, 4096, 0xFFFFF000) == FLASH_BAD_ARGUMENT);
  CHECK(flash_program(&device, kSize, &byte, 1) == FLASH_BAD_ARGUMENT);
  CHECK(flash_program(&device, 0, nullptr, 1) == FLASH_BAD_ARGUMENT);
  CHECK(flash_read(&device, 0xFFFFFFFF, &byte, 1) == FLASH_BAD_ARGUMENT);
  CHECK(fake.bytes == before);
}

TEST_CASE("a refused command and a flash that never ends are told apart") {
  FakeFlash fake(kSize);
  flash device = open_flash();
  const uint8_t byte = 0;
  fake.refuse = true;
  CHECK(flash_program(&device, 0, &byte, 1) == FLASH_REJECTED);
  fake.refuse = false;
  CHECK(flash_program(&device, 0, &byte, 1) == FLASH_OK);
  fake.never_ready = true;
  CHECK(flash_erase(&device, 0, 4096) == FLASH_TIMEOUT);
}

TEST_CASE("flash_result_text has a text of its own for every result") {
  std::set<std::string> texts;
  for (int result = FLASH_OK; result <= FLASH_DIFFERS; ++result) {
    texts.insert(flash_result_text(static_cast<flash_result>(result)));
  }
  CHECK(texts.size() == FLASH_DIFFERS + 1);
  CHECK(texts.count("unknown") == 0);
}
