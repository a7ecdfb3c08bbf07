// The core's caches on the board: traffic, maintenance by firmware, what is told about mistakes.
#include <catch2/catch.hpp>
#include <nlohmann/json.hpp>

#include "npu/device/npu_device.h"
#include "platform/check/read_file.h"
#include "tests/support/board_programs.h"

namespace backboard {
namespace {

using test::BoardBench;
using test::BoardProgram;

enum class Mode { off, tags, data };

BoardConfig with_caches(Mode mode) {
  BoardConfig config;
  config.core.code_cache.enabled = config.core.data_cache.enabled = mode != Mode::off;
  config.core.code_cache.data = config.core.data_cache.data = mode == Mode::data;
  return config;
}

constexpr uint32_t kForgetClean = 1, kForgetInvalidate = 2;

struct Copied {
  int exit_code = 0;
  std::vector<std::string> findings;  ///< "reason|function" of each
};

Copied copy(Mode mode, uint32_t forget, TimingLevel timing = TimingLevel::lt) {
  MemorySink uart, console;
  BoardConfig config = with_caches(mode);
  config.timing = timing;
  Board board(config, {uart, console});
  const std::string path = FIRMWARE_DIR "/maintenance.elf";
  const ElfFile elf = ElfFile::parse(read_file(path), path);
  board.load(elf, path);
  board.start(elf.entry(), forget);
  Copied copied;
  copied.exit_code = board.run().exit_code;
  const auto json = nlohmann::json::parse(board.findings().json());
  for (const auto& item : json.at("findings")) {
    copied.findings.push_back(item.at("reason").get<std::string>() + "|" + item.value("function", ""));
  }
  CHECK(board.conservation_error().value_or("") == "");
  return copied;
}

void check_maintained(TimingLevel timing) {
  const Copied copied = copy(Mode::data, 0, timing);
  CHECK(copied.exit_code == 0);
  CHECK(copied.findings.empty());
}
void check_forgotten_clean(TimingLevel timing) {
  const Copied copied = copy(Mode::data, kForgetClean, timing);
  CHECK(copied.exit_code == 1);
  REQUIRE(copied.findings.size() == 1);
  CHECK(copied.findings[0] == "a device reads memory whose newer bytes lie in a dirty line: no cbo.clean came before|");
}
void check_forgotten_invalidate(TimingLevel timing) {
  const Copied copied = copy(Mode::data, kForgetInvalidate, timing);
  CHECK(copied.exit_code == 1);
  REQUIRE(copied.findings.size() == 1);
  CHECK(copied.findings[0] ==
        "load from a stale line: a device has written to memory since the line was filled, and no cbo.inval came in "
        "between|main");
}
void check_hidden(Mode mode, TimingLevel timing) {
  const Copied copied = copy(mode, kForgetClean | kForgetInvalidate, timing);
  CHECK(copied.exit_code == 0);
  CHECK(copied.findings.empty());
}

// A case each, because each board needs a process of its own.
TEST_CASE("with data, a copy that the core cleans for and invalidates after is right") {
  check_maintained(TimingLevel::lt);
}
TEST_CASE("at: with data, a copy that the core cleans for and invalidates after is right") {
  check_maintained(TimingLevel::at);
}
TEST_CASE("with data, the NPU reads stale bytes when the core forgets to clean, and a finding says so") {
  check_forgotten_clean(TimingLevel::lt);
}
TEST_CASE("at: with data, the NPU reads stale bytes when the core forgets to clean, and a finding says so") {
  check_forgotten_clean(TimingLevel::at);
}
TEST_CASE("with data, the core reads stale bytes when it forgets to invalidate, and a finding names the function") {
  check_forgotten_invalidate(TimingLevel::lt);
}
TEST_CASE("at: with data, the core reads stale bytes when it forgets to invalidate, and a finding names the function") {
  check_forgotten_invalidate(TimingLevel::at);
}
TEST_CASE("with tags only, forgotten maintenance does not show") {
  check_hidden(Mode::tags, TimingLevel::lt);
}
TEST_CASE("at: with tags only, forgotten maintenance does not show") {
  check_hidden(Mode::tags, TimingLevel::at);
}
TEST_CASE("without caches, maintenance is not needed") {
  check_hidden(Mode::off, TimingLevel::lt);
}
TEST_CASE("at: without caches, maintenance is not needed") {
  check_hidden(Mode::off, TimingLevel::at);
}

/// Sums 1024 words, doubles them in place, and ends.
BoardProgram walk() {
  BoardProgram p;
  p.li(8, 0x80100000).li(9, 0x80101000);
  const uint32_t loop = p.here();
  p << rv::lw(10, 8, 0) << rv::add(11, 11, 10) << rv::add(10, 10, 10) << rv::sw(10, 0, 8) << rv::addi(8, 8, 4);
  p << rv::bne(8, 9, static_cast<int32_t>(loop) - static_cast<int32_t>(p.here()));
  p.finish();
  return p;
}

TEST_CASE("fills and write-backs are transactions of a line, and all counters agree") {
  BoardConfig config = with_caches(Mode::data);
  config.core.data_cache.size_bytes = 1024;
  BoardBench bench(walk(), config);
  REQUIRE(bench.board.run().exit_code == 0);
  CHECK(bench.board.conservation_error().value_or("") == "");
  const StatsTree stats = bench.board.stats();
  CHECK(stats.counter("core.dcache.reads") == 1024);
  CHECK(stats.counter("core.dcache.writes") == 1024);
  CHECK(stats.counter("core.dcache.read_misses") == 64);
  CHECK(stats.counter("core.dcache.write_misses") == 0);
  CHECK(stats.counter("core.dcache.write_backs") == 64 - 16);  // 16 lines of 64 bytes are dirty still
  const TrafficTable traffic = bench.board.traffic();
  const TrafficRow data = traffic.sum_of(Initiator::core_data);
  CHECK(data.read_bytes == 64 * 64);
  CHECK(data.reads == 64);
  CHECK(data.write_bytes == (64 - 16) * 64);
  CHECK(data.writes == 64 - 16);
  // 2 x 2 + 6 + 5 instructions of 4 bytes and the finisher's store: one line.
  const TrafficRow code = traffic.sum_of(Initiator::core_code);
  CHECK(code.read_bytes == 64 * stats.counter("core.icache.fills"));
  CHECK(stats.counter("core.icache.fills") == 1);
  CHECK(stats.counter("core.icache.reads") > 6 * 1024);
  CHECK(stats.counter("core.icache.hits") == stats.counter("core.icache.reads") - 1);
}

TEST_CASE("tags move the lines that data moves") {
  BoardConfig config = with_caches(Mode::tags);
  config.core.data_cache.size_bytes = 1024;
  BoardBench bench(walk(), config);
  REQUIRE(bench.board.run().exit_code == 0);
  CHECK(bench.board.conservation_error().value_or("") == "");
  const StatsTree stats = bench.board.stats();
  CHECK(stats.counter("core.dcache.read_misses") == 64);
  CHECK(stats.counter("core.dcache.write_backs") == 64 - 16);
  CHECK(bench.board.traffic().sum_of(Initiator::core_data).write_bytes == (64 - 16) * 64);
}

TEST_CASE("what is not memory cannot be cacheable") {
  BoardConfig config;
  config.map[Place::kUART].cacheable = true;
  CHECK_THROWS_AS(config.map.check(), ConfigRule);
  config.map[Place::kUART].cacheable = false;
  config.map[Place::kROM].cacheable = true;
  CHECK_NOTHROW(config.map.check());
}

}  // namespace
}  // namespace backboard
