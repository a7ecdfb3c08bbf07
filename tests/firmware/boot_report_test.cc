// Flash images that the ROM starts or refuses, and the numbers that are printed.
#include <catch2/catch.hpp>
#include <cmath>
#include <functional>
#include <string>
#include <vector>

#include "drivers/crc/crc32.h"
#include "firmware/boot/flash_image.h"
#include "firmware/runtime/report.h"

namespace {
constexpr uint32_t kFlash = 1 << 20, kDram = 0x80000000, kDramBytes = 1 << 20;

boot_result changed(const std::function<void(flash_image_header&)>& change) {
  const std::vector<uint8_t> payload(1024, 7);
  flash_image_header h = boot_make_header(payload.data(), 1024, kDram);
  change(h);
  h.header_crc32 = crc32_update(0, &h, offsetof(flash_image_header, header_crc32));
  return boot_check_header(&h, kFlash, kDram, kDramBytes);
}

std::string fixed(float value, unsigned digits) {
  char text[REPORT_FIXED_BYTES];
  return report_fixed(text, value, digits);
}
}  // namespace

TEST_CASE("a made header is accepted, and each fault has its reason") {
  CHECK(changed([](flash_image_header&) {}) == BOOT_OK);
  CHECK(changed([](flash_image_header& h) { h.magic = 0xFFFFFFFF; }) == BOOT_NO_IMAGE);
  CHECK(changed([](flash_image_header& h) { h.version = 2; }) == BOOT_BAD_VERSION);
  CHECK(changed([](flash_image_header& h) { h.header_bytes = 60; }) == BOOT_BAD_VERSION);
  CHECK(changed([](flash_image_header& h) { h.payload_bytes = 0; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.payload_bytes = 1022; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.payload_bytes = kFlash; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.payload_offset = 0; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.payload_offset = 0xFFFFFFC0; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.load_address = 0x7FFFFFFC; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.load_address = kDram + kDramBytes - 512; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.load_address = 0xFFFFFFFC; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.entry = kDram + 1024; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.entry = kDram - 4; }) == BOOT_BAD_LAYOUT);
  CHECK(changed([](flash_image_header& h) { h.entry = kDram + 1; }) == BOOT_BAD_LAYOUT);
}

TEST_CASE("a header with a flipped bit is damaged") {
  const uint32_t payload = 5;
  flash_image_header h = boot_make_header(&payload, 4, kDram);
  h.payload_bytes ^= 4096;
  CHECK(boot_check_header(&h, kFlash, kDram, kDramBytes) == BOOT_BAD_HEADER_CRC);
}

TEST_CASE("numbers are printed rounded, with the digits asked for") {
  CHECK(fixed(0.0f, 2) == "0.00");
  CHECK(fixed(1.5f, 0) == "2");
  CHECK(fixed(0.01f, 6) == "0.010000");
  CHECK(fixed(2.302585f, 4) == "2.3026");
  CHECK(fixed(99.999f, 2) == "100.00");
  CHECK(fixed(-3.25f, 1) == "-3.3");
  CHECK(fixed(65536.0f, 0) == "65536");
  CHECK(fixed(1e20f, 2) == ">4294967295");
  CHECK(fixed(INFINITY, 2) == ">4294967295");
  CHECK(fixed(NAN, 2) == "nan");
  CHECK(fixed(report_percent(850, 897), 2) == "94.76");
  CHECK(report_percent(0, 0) == 0.0f);
}

TEST_CASE("every run error has a text of its own") {
#define RUN_ERROR(name, code, description) CHECK(std::string(run_error_text(RUN_ERROR_##name)) == (description));
#include "drivers/plan/run_error.def"
}
