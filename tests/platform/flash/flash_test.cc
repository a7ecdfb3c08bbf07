#include "platform/flash/flash.h"

#include <catch2/catch.hpp>
#include <filesystem>

#include "tests/support/device_bench.h"
#include "tests/support/program.h"

namespace backboard {
namespace {

constexpr uint64_t kId = 0, kSize = 4, kStatus = 0xC, kCommand = 0x10, kAddress = 0x14, kLength = 0x18, kData = 0x1C,
                   kIrqEnable = 0x20, kIrqStatus = 0x24;
constexpr uint32_t kLine = 13, kWriteEnable = 6, kProgram = 2, kErase = 0x20;
constexpr uint64_t kSizeBytes = 1 << 20;

struct FlashBench : test::DeviceBench {
  explicit FlashBench(FlashConfig config = {}) : flash(config, kSizeBytes, queue, wires, kLine, findings, findings) {
    target = &flash;
  }
  void fill(uint32_t address, const std::vector<uint32_t>& words) {
    write(kAddress, address);
    for (const uint32_t word : words) write(kData, word);
    write(kLength, static_cast<uint32_t>(4 * words.size()));
  }
  void program(uint32_t address, const std::vector<uint32_t>& words) {
    write(kCommand, kWriteEnable);
    fill(address, words);
    write(kCommand, kProgram);
  }
  void erase(uint32_t address) {
    write(kCommand, kWriteEnable);
    write(kAddress, address);
    write(kCommand, kErase);
  }
  void finish() { queue.run_until(queue.next_time_ps()); }
  uint32_t mapped(uint64_t address, uint32_t size = 4) {
    uint32_t value = 0;
    BusAccess access{BusOp::read, address, reinterpret_cast<uint8_t*>(&value), size, queue.now_ps(), {}, false};
    delay_ps = 0;
    response = flash.mapped().access(access, delay_ps);
    return value;
  }
  Flash flash;
};

TEST_CASE("the flash says who it is, and reads as erased through its map at serial speed") {
  FlashBench bench;
  CHECK(bench.read(kId) == 0x001440EF);  // 2^20 bytes
  CHECK(bench.read(kSize) == kSizeBytes);
  CHECK(bench.mapped(0x1234) == 0xFFFFFFFF);
  // 20 clocks of overhead and two a byte at 100 MHz: (20 + 8) x 10 ns.
  CHECK(bench.delay_ps == 280'000);
  CHECK(bench.mapped(kSizeBytes - 2, 4) == 0);
  CHECK(bench.response == BusResponse::target);
}

TEST_CASE("programming takes its time, clears bits only and needs a write enable each time") {
  FlashBench bench;
  bench.write(kIrqEnable, 1);
  bench.program(0x100, {0x12345678, 0xFFFFFFFF});
  CHECK(bench.read(kStatus) == 3);
  bench.mapped(0);
  CHECK(bench.response == BusResponse::target);
  bench.queue.run_until(400'000'000 - 1);
  CHECK(bench.read(kStatus) == 3);
  CHECK_FALSE(bench.wires.level(kLine));
  bench.queue.run_until(400'000'000);
  CHECK(bench.read(kStatus) == 0);
  CHECK(bench.wires.level(kLine));
  CHECK(bench.mapped(0x100) == 0x12345678);
  CHECK(bench.mapped(0x104) == 0xFFFFFFFF);
  bench.write(kIrqStatus, 1);
  CHECK_FALSE(bench.wires.level(kLine));
  bench.findings.list.clear();

  bench.program(0x100, {0x0F0F0F0F});  // ones over zeros stay zero, with a finding
  bench.finish();
  CHECK(bench.mapped(0x100) == (0x12345678 & 0x0F0F0F0F));
  CHECK(bench.findings.list.size() == 1);

  bench.fill(0x200, {1});
  bench.write(kCommand, kProgram);
  CHECK(bench.read(kIrqStatus) == 3);  // done of the last, error of this one
  CHECK(bench.read(kStatus) == 0);
  CHECK(bench.mapped(0x200) == 0xFFFFFFFF);
}

TEST_CASE("erasing sets the whole sector around the address after 45 ms") {
  FlashBench bench;
  bench.program(0x1FFC, {0});
  bench.finish();
  bench.program(0x2000, {0});
  bench.finish();
  const uint64_t start_ps = bench.queue.now_ps();
  bench.erase(0x1804);
  bench.queue.run_until(start_ps + 45'000'000'000 - 1);
  CHECK(bench.read(kStatus) == 3);
  bench.queue.run_until(start_ps + 45'000'000'000);
  CHECK(bench.read(kStatus) == 0);
  CHECK(bench.mapped(0x1FFC) == 0xFFFFFFFF);
  CHECK(bench.mapped(0x2000) == 0);
  CHECK(bench.flash.programs() == 2);
  CHECK(bench.flash.erases() == 1);
}

TEST_CASE("what the controller cannot do is rejected, reported, and changes nothing") {
  FlashBench bench;
  const auto rejected = [&](auto act) {
    bench.write(kIrqStatus, 3);
    const size_t before = bench.findings.list.size();
    act();
    const bool error = (bench.read(kIrqStatus) & 2) != 0;
    return error && bench.findings.list.size() == before + 1 && (bench.read(kStatus) & 1) == 0;
  };
  bench.write(kCommand, kWriteEnable);
  CHECK(rejected([&] { bench.write(kCommand, 0x99); }));
  bench.fill(0x1FE, {0});  // two bytes in this page, two in the next
  CHECK(rejected([&] { bench.write(kCommand, kProgram); }));
  bench.fill(0x100, {0});
  bench.write(kLength, 5);
  CHECK(rejected([&] { bench.write(kCommand, kProgram); }));
  bench.write(kLength, 0);
  CHECK(rejected([&] { bench.write(kCommand, kProgram); }));
  bench.fill(kSizeBytes, {0});
  CHECK(rejected([&] { bench.write(kCommand, kProgram); }));
  bench.write(kAddress, 0xFFFFFFFF);
  CHECK(rejected([&] { bench.write(kCommand, kErase); }));
  bench.fill(0, std::vector<uint32_t>(64, 0));
  const size_t before = bench.findings.list.size();
  bench.write(kData, 0);  // 65th word
  CHECK(bench.findings.list.size() == before + 1);
  bench.write(kCommand, kProgram);
  CHECK(bench.read(kStatus) == 3);
  bench.write(kCommand, kErase);  // busy
  CHECK((bench.read(kIrqStatus) & 2) != 0);
  bench.finish();
  CHECK(bench.mapped(0xFC) == 0);
  uint32_t zero = 0;
  BusAccess write{BusOp::write, 0x400, reinterpret_cast<uint8_t*>(&zero), 4, 0, {}, false};
  CHECK(bench.flash.mapped().access(write, bench.delay_ps) == BusResponse::target);
  CHECK(bench.mapped(0x400) == 0xFFFFFFFF);
}

TEST_CASE("the file has each operation as soon as it is done") {
  const test::TemporaryFolder folder;
  const std::string file = folder.path("flash.bin");
  {
    FlashBench bench({.file = file});
    bench.program(0x10, {0xCAFEF00D});
    bench.finish();
    // Not closed: another process would see it already.
    const std::string bytes = test::read_text(file);
    REQUIRE(bytes.size() == 0x14);
    CHECK(bytes.substr(0, 0x10) == std::string(0x10, '\xFF'));
    CHECK(bytes.substr(0x10) == "\x0D\xF0\xFE\xCA");
  }
  FlashBench again({.file = file});
  CHECK(again.mapped(0x10) == 0xCAFEF00D);
  CHECK(again.mapped(0x14) == 0xFFFFFFFF);
}

TEST_CASE("files that cannot be a flash are refused") {
  const test::TemporaryFolder folder;
  CHECK_THROWS_AS(FlashBench({.file = folder.path()}), InputError);
  CHECK_THROWS_AS(FlashBench({.file = folder.path("none/flash.bin")}), InputError);
  const std::string large = folder.write("large.bin", std::string(kSizeBytes + 1, 'x'));
  CHECK_THROWS_AS(FlashBench({.file = large}), InputError);
}

TEST_CASE("a power cut in mid-program leaves the bytes before it, one torn byte, and nothing after") {
  const test::TemporaryFolder folder;
  const std::string file = folder.path("flash.bin");
  uint32_t torn = 0;
  {
    FlashBench bench({.file = file});
    bench.program(0, std::vector<uint32_t>(64, 0));
    // A quarter of the time: 64 of 256 bytes.
    bench.queue.run_until(100'000'000);
    bench.flash.power_cut(bench.queue.now_ps());
    CHECK(bench.read(kStatus) == 0);
    CHECK(bench.queue.next_time_ps() == EventQueue::kNever);
    torn = bench.mapped(64, 1);
  }
  FlashBench again({.file = file});
  CHECK(again.mapped(60) == 0);
  CHECK(again.mapped(64, 1) == torn);
  CHECK(again.mapped(65, 1) == 0xFF);
  CHECK(again.mapped(252) == 0xFFFFFFFF);
}

TEST_CASE("a power cut in mid-erase leaves erased pages, one page that is neither, and old pages") {
  FlashBench bench;
  for (uint32_t page = 0; page < 16; ++page) {
    bench.program(page * 256, std::vector<uint32_t>(64, 0));
    bench.finish();
  }
  bench.erase(0);
  bench.queue.run_until(bench.queue.now_ps() + 45'000'000'000 * 5 / 16);
  bench.flash.power_cut(bench.queue.now_ps());
  CHECK(bench.mapped(5 * 256 - 4) == 0xFFFFFFFF);
  int changed = 0, whole = 0;
  for (uint32_t i = 0; i < 64; ++i) {
    const uint32_t word = bench.mapped(5 * 256 + 4 * i);
    changed += word != 0;
    whole += word == 0xFFFFFFFF;
  }
  CHECK(changed > 32);
  CHECK(whole < 32);
  CHECK(bench.mapped(6 * 256) == 0);
  // The next erase mends it.
  bench.erase(0);
  bench.finish();
  CHECK(bench.mapped(5 * 256) == 0xFFFFFFFF);
  CHECK(bench.mapped(4092) == 0xFFFFFFFF);
}

TEST_CASE("a flash saved in mid-program ends as the one that was never saved") {
  FlashBench bench, other;
  bench.write(kIrqEnable, 1);
  bench.program(0x500, {0xA5A5A5A5});
  bench.queue.run_until(123'456);
  StateArchive out;
  bench.queue.state(out);
  bench.flash.state(out);
  CHECK(out.bytes().size() < 16384);  // erased pages are not saved
  other.program(0x900, {0});
  other.finish();
  StateArchive in(out.bytes(), "memory");
  other.queue.state(in);
  other.flash.state(in);
  REQUIRE(in.at_end());
  other.queue.run_until(400'000'000);
  CHECK(other.wires.level(kLine));
  CHECK(other.mapped(0x500) == 0xA5A5A5A5);
  CHECK(other.mapped(0x900) == 0xFFFFFFFF);  // of before the restore
}

}  // namespace
}  // namespace backboard
