// A firmware that uses the DMA engine by its driver: copies, sleep, caches, and the maintenance that they need.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include <zlib.h>

#include "platform/check/read_file.h"
#include "tests/support/board_programs.h"

namespace backboard {
namespace {

constexpr uint32_t kForgetClean = 1, kForgetInvalidate = 2;

struct Run {
  int exit_code = 0;
  std::string uart;
  std::vector<std::string> findings;
  uint64_t idle_cycles = 0;
};

std::vector<uint8_t> flash_bytes() {
  std::vector<uint8_t> made(8192);
  for (size_t i = 0; i < made.size(); ++i) made[i] = static_cast<uint8_t>(i * 31 + i / 127);
  return made;
}

Run run(TimingLevel timing, bool caches, uint32_t forget) {
  MemorySink uart, console;
  BoardConfig config;
  config.timing = timing;
  config.core.code_cache.enabled = config.core.data_cache.enabled = caches;
  Board board(config, {uart, console});
  const std::string path = FIRMWARE_DIR "/dma_copies.elf";
  const ElfFile elf = ElfFile::parse(read_file(path), path);
  board.load(elf, path);
  REQUIRE(board.write_memory(0x20000000, flash_bytes()));
  board.start(elf.entry(), forget);
  Run made;
  const BoardResult result = board.run();
  INFO(result.reason);
  made.exit_code = result.exit_code;
  made.uart = uart.text();
  const auto json = nlohmann::json::parse(board.findings().json());
  for (const auto& item : json.at("findings")) {
    made.findings.push_back(item.at("reason").get<std::string>() + "|" + item.value("function", ""));
  }
  made.idle_cycles = board.stats().counter("core.idle_cycles");
  CHECK(board.stats().counter("dma.interrupts") == 7);
  CHECK(board.stats().counter("dma.crc_bytes") == 4998);
  CHECK(board.stats().counter("dma.channel1.descriptors") == 3);
  CHECK(board.conservation_error().value_or("") == "");
  return made;
}

/// CRC-32 of what copies() and gather() of dma_copies.c leave.
uint32_t expected_digest(const std::vector<uint8_t>& flash) {
  constexpr size_t kBytes = 5000;
  std::vector<uint8_t> a(flash.begin() + 0x101, flash.begin() + 0x101 + kBytes), b(kBytes), c;
  for (size_t i = 0; i < kBytes; ++i) a[i] = static_cast<uint8_t>(a[i] + i);
  std::copy(a.begin() + 2, a.begin() + 2 + kBytes - 7, b.begin() + 7);
  c.insert(c.end(), a.begin() + 3000, a.begin() + 4000);
  c.insert(c.end(), a.begin() + 17, a.begin() + 58);
  c.insert(c.end(), a.begin(), a.begin() + 3959);
  b.insert(b.end(), c.begin(), c.end());
  return static_cast<uint32_t>(crc32_z(0, b.data(), b.size()));
}

void check_right(TimingLevel timing, bool caches) {
  const Run made = run(timing, caches, 0);
  CHECK(made.exit_code == 0);
  CHECK(made.uart == fmt::format("digest {:08x}\r\n", expected_digest(flash_bytes())));
  CHECK(made.findings.empty());
  CHECK(made.idle_cycles > 1000);  // it slept
}

// A case each, because each board needs a process of its own. The digest is that of a model: lt and at leave the same.
TEST_CASE("firmware copies by DMA without caches") {
  check_right(TimingLevel::lt, false);
}
TEST_CASE("at: firmware copies by DMA without caches") {
  check_right(TimingLevel::at, false);
}
TEST_CASE("firmware copies by DMA with caches that hold data, and forgets no maintenance") {
  check_right(TimingLevel::lt, true);
}
TEST_CASE("at: firmware copies by DMA with caches that hold data, and forgets no maintenance") {
  check_right(TimingLevel::at, true);
}

void check_forgotten(TimingLevel timing, uint32_t forget, const std::string& finding) {
  const Run made = run(timing, true, forget);
  CHECK(made.exit_code == 1);
  REQUIRE(made.findings.size() == 1);
  CHECK(made.findings[0] == finding);
}
constexpr const char* kDirty = "a device reads memory whose newer bytes lie in a dirty line: no cbo.clean came before|";
constexpr const char* kStale =
    "load from a stale line: a device has written to memory since the line was filled, and no cbo.inval came in "
    "between|main";

TEST_CASE("the DMA engine reads stale bytes when firmware forgets to clean, and a finding says so") {
  check_forgotten(TimingLevel::lt, kForgetClean, kDirty);
}
TEST_CASE("at: the DMA engine reads stale bytes when firmware forgets to clean, and a finding says so") {
  check_forgotten(TimingLevel::at, kForgetClean, kDirty);
}
TEST_CASE("the core reads stale bytes when firmware forgets to invalidate what the DMA engine wrote") {
  check_forgotten(TimingLevel::lt, kForgetInvalidate, kStale);
}
TEST_CASE("at: the core reads stale bytes when firmware forgets to invalidate what the DMA engine wrote") {
  check_forgotten(TimingLevel::at, kForgetInvalidate, kStale);
}
TEST_CASE("without caches nothing that is forgotten shows") {
  const Run made = run(TimingLevel::at, false, kForgetClean | kForgetInvalidate);
  CHECK(made.exit_code == 0);
  CHECK(made.findings.empty());
}

}  // namespace
}  // namespace backboard
