// The driver of the DMA engine: what it writes, and what it does to an engine and a memory behind a cache.
#include <catch2/catch.hpp>
#include <cstring>
#include <random>

#include "drivers/crc/crc32.h"
#include "drivers/dma/dma_registers.h"
#include "drivers/os/driver_os.h"
#include "tests/drivers/dma_board.h"

using namespace backboard;
using test::CachedMemory;
using test::DmaBoard;
using test::MmioScript;

namespace {

constexpr uintptr_t kBase = DmaBoard::kBase;

/// Fills what the core sees and what the engine sees with different bytes.
void fill(CachedMemory& memory) {
  for (uint32_t i = 0; i < CachedMemory::kBytes; ++i) {
    memory.core[i] = static_cast<uint8_t>(i * 7 + i / 251);
    memory.memory[i] = 0xEE;
  }
}

}  // namespace

TEST_CASE("dma_init identifies the engine, resets it and asks what it has") {
  MmioScript script(kBase);
  script.read32(DMA_ID_OFFSET, 0x414D4442)
      .read32(DMA_VERSION_OFFSET, 0x00010007)
      .read32(DMA_CAPS_OFFSET, 512u << 16 | 4)
      .write32(DMA_CTRL_OFFSET, 1)
      .read32(DMA_CTRL_OFFSET, 1)
      .read32(DMA_CTRL_OFFSET, 0);
  dma device;
  CHECK(dma_init(&device, kBase) == DMA_OK);
  CHECK(device.channels == 4);
  CHECK(device.burst_bytes == 512);
  CHECK_FALSE(device.has_crc);
}

TEST_CASE("dma_init writes nothing to something else or to another major version") {
  MmioScript script(kBase);
  dma device;
  script.read32(DMA_ID_OFFSET, 0x55504E42);
  CHECK(dma_init(&device, kBase) == DMA_NOT_FOUND);
  script.read32(DMA_ID_OFFSET, 0x414D4442).read32(DMA_VERSION_OFFSET, 0x00020000);
  CHECK(dma_init(&device, kBase) == DMA_BAD_VERSION);
  CHECK(dma_init(nullptr, kBase) == DMA_BAD_ARGUMENT);
}

TEST_CASE("dma_start clears old events before it starts, and writes nothing to a busy channel or for bad arguments") {
  dma device{};
  device.base = kBase;
  device.channels = 4;
  MmioScript script(kBase);
  constexpr uint32_t kOfChannel2 = 8;
  const dma_copy copy = {0x80001000, 0x80002000, 300, DMA_CH_CONTROL_STEP_MASK};
  script.read32(DMA_CH_STATUS_OFFSET + kOfChannel2, 0)
      .write32(DMA_CH_SOURCE_OFFSET + kOfChannel2, 0x80001000)
      .write32(DMA_CH_DESTINATION_OFFSET + kOfChannel2, 0x80002000)
      .write32(DMA_CH_BYTES_OFFSET + kOfChannel2, 300)
      .write32(DMA_CH_IRQ_ENABLE_OFFSET + kOfChannel2, 0)
      .write32(DMA_CH_EVENTS_OFFSET + kOfChannel2, 15)
      .write32(DMA_CH_IRQ_ENABLE_OFFSET + kOfChannel2, 7)
      .write32(DMA_CH_CONTROL_OFFSET + kOfChannel2, 3u << 24 | 0x100 | 1);
  CHECK(dma_start(&device, 2, &copy, 3) == DMA_OK);
  script.read32(DMA_CH_STATUS_OFFSET + kOfChannel2, 1);
  CHECK(dma_start(&device, 2, &copy, 3) == DMA_BUSY);
  CHECK(dma_start(&device, 4, &copy, 0) == DMA_BAD_ARGUMENT);
  CHECK(dma_start(&device, 0, &copy, 4) == DMA_BAD_ARGUMENT);
  CHECK(dma_start(&device, 0, nullptr, 0) == DMA_BAD_ARGUMENT);
  const dma_copy starts = {0, 0, 0, DMA_CH_CONTROL_ABORT_MASK};
  CHECK(dma_start(&device, 0, &starts, 0) == DMA_BAD_ARGUMENT);
}

TEST_CASE("dma_memcpy copies what the core sees, of any alignment, and nothing beside it is lost in the caches") {
  for (const bool interrupts : {false, true}) {
    DmaBoard board(interrupts);
    REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
    std::mt19937 random(5);
    for (unsigned round = 0; round < 200; ++round) {
      fill(board.memory);
      uint8_t* const core = board.memory.core;
      const uint32_t bytes = random() % 3 ? random() % 5000 : random() % 200;
      const uint32_t from = 0x1000 + random() % 0x1000, to = 0x8000 + random() % 0x1000;
      std::vector<uint8_t> expected(core, core + CachedMemory::kBytes);
      std::memcpy(&expected[to], &expected[from], bytes);
      REQUIRE(dma_memcpy(&board.device, round % 4, core + to, core + from, bytes, 100) == DMA_OK);
      REQUIRE(std::memcmp(core, expected.data(), expected.size()) == 0);
    }
    CHECK((board.served > 100) == interrupts);
    CHECK(board.bench.findings.list.empty());
  }
}

TEST_CASE("a list gathers and scatters, and says how far it came") {
  DmaBoard board(true);
  REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
  fill(board.memory);
  uint8_t* const core = board.memory.core;
  auto* list = reinterpret_cast<dma_descriptor*>(core + 0x40);
  const uint32_t here = dma_address(core);
  const dma_copy copies[3] = {{here + 0x1000, here + 0x8000, 100, 0},
                              {here + 0x3001, here + 0x8064, 28, 0},
                              {here + 0x5000, here + 0x8080, 128, DMA_CH_CONTROL_STEP_MASK}};
  CHECK(dma_list_make(list, copies, 3) == DMA_OK);
  driver_os_clean(core + 0x1000, 0x5000);
  driver_os_invalidate(core + 0x8000, 256);
  CHECK(dma_list_start(&board.device, 1, list, 0) == DMA_OK);
  CHECK(dma_busy(&board.device, 1));
  CHECK(dma_list_start(&board.device, 1, list, 0) == DMA_BUSY);
  CHECK(dma_list_done(list, 3) == 0);
  CHECK(dma_wait(&board.device, 1, 10) == DMA_OK);
  CHECK(dma_list_done(list, 3) == 3);
  CHECK(dma_moved(&board.device, 1) == 256);
  driver_os_invalidate(core + 0x8000, 256);
  CHECK(std::memcmp(core + 0x8000, core + 0x1000, 100) == 0);
  CHECK(std::memcmp(core + 0x8064, core + 0x3001, 28) == 0);
  CHECK(std::memcmp(core + 0x8080, core + 0x5000, 128) == 0);
  // Without being made again it is stale.
  CHECK(dma_list_start(&board.device, 1, list, 0) == DMA_OK);
  CHECK(dma_wait(&board.device, 1, 10) == DMA_FAILED);
  CHECK(dma_error_read(&board.device, 1).code == DMA_ERROR_STALE);
}

TEST_CASE("the error of a list names its descriptor, the address and what was moved before") {
  DmaBoard board(true);
  REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
  fill(board.memory);
  auto* list = reinterpret_cast<dma_descriptor*>(board.memory.core + 0x40);
  const uint32_t here = dma_address(board.memory.core);
  const dma_copy copies[3] = {{here, here + 0x8000, 100, 0}, {here, 4, 64, 0}, {here, here + 0x9000, 100, 0}};
  REQUIRE(dma_list_make(list, copies, 3) == DMA_OK);
  REQUIRE(dma_list_start(&board.device, 0, list, 2) == DMA_OK);
  CHECK(dma_wait(&board.device, 0, 10) == DMA_FAILED);
  CHECK(dma_list_done(list, 3) == 1);
  const dma_error_report report = dma_error_read(&board.device, 0);
  CHECK(report.code == DMA_ERROR_DECODE);
  CHECK(report.write);
  CHECK(report.address == 4);
  CHECK(report.descriptor == dma_address(&list[1]));
  CHECK(report.moved == 100);
  CHECK(std::string(dma_error_text(report.code)) == "No device answers at the address");
  CHECK(std::string(dma_error_text(77)) == "unknown");
}

TEST_CASE("lists that are misaligned, empty or would start something are refused") {
  DmaBoard board(true);
  REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
  auto* list = reinterpret_cast<dma_descriptor*>(board.memory.core + 0x40);
  dma_copy copy = {0, 0, 0, 0};
  CHECK(dma_list_make(list, &copy, 0) == DMA_BAD_ARGUMENT);
  CHECK(dma_list_make(list + 1, &copy, 1) == DMA_BAD_ARGUMENT);
  CHECK(dma_list_make(nullptr, &copy, 1) == DMA_BAD_ARGUMENT);
  copy.control = 1;
  CHECK(dma_list_make(list, &copy, 1) == DMA_BAD_ARGUMENT);
  CHECK(dma_list_start(&board.device, 0, nullptr, 0) == DMA_BAD_ARGUMENT);
  CHECK(dma_list_start(&board.device, 4, list, 0) == DMA_BAD_ARGUMENT);
  auto* between = reinterpret_cast<dma_descriptor*>(board.memory.core + 0x44);
  CHECK(dma_list_start(&board.device, 0, between, 0) == DMA_BAD_ARGUMENT);
}

TEST_CASE("dma_crc32 starts a read without a destination, and leaves the start of the next checksum at 0") {
  dma device{};
  device.base = kBase;
  device.channels = 4;
  MmioScript script(kBase);
  constexpr uint32_t kOfChannel1 = 4;
  uint32_t crc = 0x12345678;
  const uint8_t byte = 0;
  CHECK(dma_crc32(&device, 1, &crc, &byte, 1, 10) == DMA_NO_CRC);
  CHECK(dma_crc_from(&device, 1, 5) == DMA_NO_CRC);
  device.has_crc = true;
  CHECK(dma_crc32(&device, 4, &crc, &byte, 1, 10) == DMA_BAD_ARGUMENT);
  CHECK(dma_crc32(&device, 1, nullptr, &byte, 1, 10) == DMA_BAD_ARGUMENT);
  CHECK(dma_crc32(&device, 1, &crc, nullptr, 1, 10) == DMA_BAD_ARGUMENT);
  CHECK(dma_crc_from(&device, 4, 5) == DMA_BAD_ARGUMENT);
  script.read32(DMA_CH_STATUS_OFFSET + kOfChannel1, 1);
  CHECK(dma_crc32(&device, 1, &crc, &byte, 1, 10) == DMA_BUSY);
  CHECK(crc == 0x12345678);
  script.write32(DMA_CH_CRC_START_OFFSET + kOfChannel1, 5);
  CHECK(dma_crc_from(&device, 1, 5) == DMA_OK);
  script.read32(DMA_CH_CRC_OFFSET + kOfChannel1, 99);
  CHECK(dma_crc(&device, 1) == 99);
  CHECK(std::string(dma_result_text(DMA_NO_CRC)) == "the engine has no checksum");
  CHECK(script.done());
}

TEST_CASE("dma_crc32 sums what the core sees, of any alignment, and goes on from a sum before") {
  for (const bool interrupts : {false, true}) {
    DmaBoard board(interrupts);
    REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
    CHECK(board.device.has_crc);
    std::mt19937 random(6);
    for (unsigned round = 0; round < 100; ++round) {
      fill(board.memory);
      const uint8_t* const core = board.memory.core;
      const uint32_t bytes = random() % 3 ? random() % 5000 : random() % 70;
      const uint32_t from = 0x1000 + random() % 0x1000;
      uint32_t crc = random() % 2 ? 0 : static_cast<uint32_t>(random());
      const uint32_t expected = crc32_update(crc, core + from, bytes);
      REQUIRE(dma_crc32(&board.device, round % 4, &crc, core + from, bytes, 100) == DMA_OK);
      REQUIRE(crc == expected);
    }
    CHECK(board.bench.findings.list.empty());
  }
}

TEST_CASE("a checksum of a memory that fails leaves the sum as it was") {
  DmaBoard board(true);
  REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
  uint32_t crc = 42;
  board.memory.answers = false;
  CHECK(dma_crc32(&board.device, 0, &crc, board.memory.core, 1000, 10) == DMA_FAILED);
  board.memory.answers = true;
  board.port.silent = true;
  CHECK(dma_crc32(&board.device, 0, &crc, board.memory.core, 1000, 10) == DMA_TIMEOUT);
  CHECK(crc == 42);
}

TEST_CASE("an abort ends a copy, whose next start works") {
  DmaBoard board(true);
  REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
  const uint32_t here = dma_address(board.memory.core);
  const dma_copy copy = {here, here + 0x80000, 0x40000, 0};
  REQUIRE(dma_start(&board.device, 0, &copy, 0) == DMA_OK);
  for (int i = 0; i < 100; ++i) board.bench.queue.run_one();
  CHECK(dma_abort(&board.device, 0) == DMA_OK);
  CHECK(dma_wait(&board.device, 0, 10) == DMA_ABORTED);
  CHECK(dma_moved(&board.device, 0) > 0);
  CHECK(dma_moved(&board.device, 0) < 0x40000);
  REQUIRE(dma_start(&board.device, 0, &copy, 0) == DMA_OK);
  CHECK(dma_wait(&board.device, 0, 10) == DMA_OK);
  CHECK(dma_moved(&board.device, 0) == 0x40000);
}

TEST_CASE("a memory that fails or never answers ends a dma_memcpy with a result, and a reset says that it waits") {
  DmaBoard board(true);
  REQUIRE(dma_init(&board.device, kBase) == DMA_OK);
  uint8_t* const core = board.memory.core;
  board.memory.answers = false;
  CHECK(dma_memcpy(&board.device, 0, core + 0x8000, core, 1000, 10) == DMA_FAILED);
  CHECK(dma_error_read(&board.device, 0).code == DMA_ERROR_DECODE);
  board.memory.answers = true;
  CHECK(dma_memcpy(&board.device, 0, core + 0x8000, core, 1000, 10) == DMA_OK);
  board.port.silent = true;
  CHECK(dma_memcpy(&board.device, 0, core + 0x8000, core, 1000, 10) == DMA_TIMEOUT);
  CHECK(dma_memcpy(&board.device, 0, core + 0x8000, core, 1000, 10) == DMA_BUSY);
  CHECK(dma_reset(&board.device) == DMA_RESET_FAILED);
}
