// Saving and restoring across processes: every run is a child, for SystemC elaborates once a process.
#include <catch2/catch.hpp>

#include "tests/support/board_programs.h"
#include "tests/support/in_child.h"

namespace backboard {
namespace {

using test::BoardBench;
using test::BoardProgram;
using test::in_child;

/// UART with timed transmission, watchdog, timer and interrupts at once: echo of bytes that arrive while others leave.
BoardConfig busy_config() {
  BoardConfig config;
  config.uart.transmit = UartTransmit::timed;
  return config;
}

void feed(Board& board) {
  uint64_t time_ps = 1'000'000;
  for (const char c : std::string("save me q")) {
    board.uart().receive_at(time_ps, static_cast<uint8_t>(c));
    time_ps += 700'000'000;  // longer than a frame of 7 bits at 19200 baud, 365 us
  }
}

BoardProgram busy_program() {
  BoardProgram p;
  p.store(test::kWatchdog + 8, 1'000'000).store(test::kWatchdog + 4, 3);
  const BoardProgram echo = BoardProgram::echo();
  for (size_t i = 0; i < echo.bytes().size(); i += 4) {
    uint32_t word = 0;
    std::memcpy(&word, echo.bytes().data() + i, 4);
    p << word;
  }
  return p;
}

/// Everything that must be equal at the end, whichever way it was reached.
std::string outcome(BoardBench& bench, const std::string& sent_before = "") {
  const BoardResult result = bench.board.run();
  StateArchive queue;
  bench.board.queue().state(queue);
  const std::string queue_bytes(queue.bytes().begin(), queue.bytes().end());
  return std::string(name_of(result.stop)) + "|" + result.reason + "|" + std::to_string(result.time_ps) + "|" +
         sent_before + bench.uart.text() + "|" + std::to_string(bench.board.core().pc()) + "|" +
         bench.board.stats().json() + "|" + bench.board.traffic().csv() + "|" +
         bench.board.conservation_error().value_or("conserved") + "|" +
         std::to_string(std::hash<std::string>()(queue_bytes));
}

TEST_CASE("never saved, saved and gone on, restored in a new process: three equal ends") {
  const test::TemporaryFolder folder;
  const std::string never = in_child([&] {
    BoardBench bench(busy_program(), busy_config());
    feed(bench.board);
    return outcome(bench);
  });
  REQUIRE(never.find("finisher|") == 0);
  REQUIRE(never.find("|save me |") != std::string::npos);  // the q was still in the shifter
  for (const unsigned events : {1u, 7u, 20u, 33u}) {
    INFO("saved after " << events << " events");
    const std::string file = folder.path("board.save");
    const std::string sent_file = folder.path("sent");
    const std::string went_on = in_child([&] {
      BoardBench bench(busy_program(), busy_config());
      feed(bench.board);
      for (unsigned i = 0; i < events; ++i) bench.board.step_event();
      bench.board.save(file);
      std::ofstream(sent_file) << bench.uart.text();
      return outcome(bench);
    });
    const std::string restored = in_child([&] {
      BoardBench bench(busy_config(), BoardBench::ForRestore{});
      bench.board.restore(file);
      return outcome(bench, test::read_text(sent_file));
    });
    CHECK(went_on == never);
    CHECK(restored == never);
  }
}

TEST_CASE("a board saved before, at and behind its resets ends as the one that was never saved") {
  const test::TemporaryFolder folder;
  BoardProgram first = BoardProgram().store_byte(test::kUart, 'a');
  first.store(test::kWatchdog + 8, 30).store(test::kWatchdog + 4, 1);
  first << rv::wfi() << rv::jal(0, -4);
  const BoardProgram program = test::boots_then(3, first, BoardProgram().store_byte(test::kUart, 'b').finish());
  const std::string never = in_child([&] {
    BoardBench bench(program);
    return outcome(bench);
  });
  REQUIRE(never.find("finisher|") == 0);
  REQUIRE(never.find("|aaab|") != std::string::npos);
  for (unsigned events = 0; events < 14; ++events) {  // each boot: core, two expiries, the reset
    INFO("saved after " << events << " events");
    const std::string file = folder.path("board.save");
    const std::string sent_file = folder.path("sent");
    const std::string went_on = in_child([&] {
      BoardBench bench(program);
      for (unsigned i = 0; i < events; ++i) bench.board.step_event();
      bench.board.save(file);
      std::ofstream(sent_file) << bench.uart.text();
      return outcome(bench);
    });
    const std::string restored = in_child([&] {
      BoardBench bench(BoardConfig{}, BoardBench::ForRestore{});
      bench.board.restore(file);
      return outcome(bench, test::read_text(sent_file));
    });
    CHECK(went_on == never);
    CHECK(restored == never);
  }
}

void start_selftest(Board& board) {
  const std::string path = std::string(FIRMWARE_DIR) + "/selftest.elf";
  const ElfFile elf = ElfFile::load(path);
  board.load(elf, path);
  board.start(elf.entry());
}

TEST_CASE("a board saved while its NPU works ends as the one that was never saved") {
  const test::TemporaryFolder folder;
  const BoardConfig config;
  const std::string never = in_child([&] {
    BoardBench bench(config, BoardBench::ForRestore{});
    start_selftest(bench.board);
    return outcome(bench);
  });
  REQUIRE(never.find("finisher|the firmware ended with success") == 0);
  for (const uint64_t save_ps : {95'000'000'123u, 110'000'456'789u, 130'777'000'001u, 149'000'000'000u}) {
    INFO("saved at " << save_ps << " ps");
    const std::string file = folder.path("board.save");
    const std::string sent_file = folder.path("sent");
    const std::string went_on = in_child([&] {
      BoardBench bench(config, BoardBench::ForRestore{});
      start_selftest(bench.board);
      if (bench.board.run_until(save_ps).stop != BoardStop::time_limit) return std::string("ended before");
      bench.board.save(file);
      std::ofstream(sent_file) << bench.uart.text();
      return outcome(bench);
    });
    const std::string restored = in_child([&] {
      BoardBench bench(config, BoardBench::ForRestore{});
      bench.board.restore(file);
      return outcome(bench, test::read_text(sent_file));
    });
    CHECK(went_on == never);
    CHECK(restored == never);
  }
}

/// dma_beside_npu.c at `part` fifteenths of a millisecond behind the moment at which the engine was seen busy.
void go_into_copies(Board& board, unsigned part) {
  const std::string path = std::string(FIRMWARE_DIR) + "/dma_beside_npu.elf";
  const ElfFile elf = ElfFile::load(path);
  board.load(elf, path);
  board.start(elf.entry());
  uint64_t time_ps = 0;
  for (uint32_t busy = 0; busy == 0;) {
    if (board.run_until(time_ps += 50'000'000).stop != BoardStop::time_limit) std::abort();
    if (!board.read_memory(0x10020110, {reinterpret_cast<uint8_t*>(&busy), 4})) std::abort();
  }
  board.run_until(time_ps + part * 66'666'667);
}

void check_saved_copies(TimingLevel timing) {
  const test::TemporaryFolder folder;
  BoardConfig config;
  config.timing = timing;
  config.core.code_cache.enabled = config.core.data_cache.enabled = true;
  const std::string never = in_child([&] {
    BoardBench bench(config, BoardBench::ForRestore{});
    go_into_copies(bench.board, 0);
    return outcome(bench);
  });
  REQUIRE(never.find("finisher|the firmware ended with success|") == 0);
  unsigned busy = 0;
  for (unsigned part = 0; part < 8; ++part) {
    INFO("part " << part);
    const std::string file = folder.path("board.save");
    const std::string busy_file = folder.path("busy");
    const std::string went_on = in_child([&] {
      BoardBench bench(config, BoardBench::ForRestore{});
      go_into_copies(bench.board, part);
      bench.board.save(file);
      std::ofstream(busy_file) << bench.word(0x10020110);
      return outcome(bench);
    });
    const std::string restored = in_child([&] {
      BoardBench bench(config, BoardBench::ForRestore{});
      bench.board.restore(file);
      return outcome(bench);
    });
    busy += test::read_text(busy_file) == "1";
    CHECK(went_on == never);
    CHECK(restored == never);
  }
  CHECK(busy > 3);  // in the middle of copies, that is
}

TEST_CASE("a board saved while its DMA engine and its NPU copy ends as the one that was never saved") {
  check_saved_copies(TimingLevel::lt);
}
TEST_CASE("at: a board saved while its DMA engine and its NPU copy ends as the one that was never saved") {
  check_saved_copies(TimingLevel::at);
}

std::string saved_file(const test::TemporaryFolder& folder) {
  const std::string file = folder.path("board.save");
  in_child([&] {
    BoardBench bench(BoardProgram::echo());
    bench.board.run_until(500'000);
    bench.board.save(file);
    return std::string();
  });
  return file;
}

std::string restore_error(const std::string& file, const BoardConfig& config = {}) {
  return in_child([&] {
    BoardBench bench(config, BoardBench::ForRestore{});
    bench.board.restore(file);
    return std::string("restored");
  });
}

TEST_CASE("another configuration refuses a saved board, other places of files do not") {
  const test::TemporaryFolder folder;
  const std::string file = saved_file(folder);
  CHECK(restore_error(file) == "restored");
  BoardConfig other;
  other.core.clock_hz = 100'000'000;
  CHECK(restore_error(file, other).find("another configuration") != std::string::npos);
  BoardConfig with_bits;
  with_bits.core.isa = Isa::rv32imafc.with(IsaExtension::zbb);
  CHECK(restore_error(file, with_bits).find("another configuration") != std::string::npos);
  BoardConfig moved;
  moved.flash.file = folder.path("flash.bin");
  CHECK(restore_error(file, moved) == "restored");
}

TEST_CASE("damaged saves are bad input, never a crash") {
  const test::TemporaryFolder folder;
  const std::string good = test::read_text(saved_file(folder));
  CHECK(restore_error(folder.path("missing")).find("InputError") == 0);
  CHECK(restore_error(folder.write("empty", "")).find("InputError") == 0);
  CHECK(restore_error(folder.write("text", std::string(100, 'x'))).find("not a saved board") != std::string::npos);
  // Read no further than it takes to see that: the device is endless.
  CHECK(restore_error("/dev/zero").find("/dev/zero: offset 0x0: saved board: not a saved board") != std::string::npos);
  for (const size_t length : {size_t{47}, size_t{48}, good.size() / 2, good.size() - 1}) {
    CHECK(restore_error(folder.write("short", good.substr(0, length))).find("InputError") == 0);
  }
  for (size_t place = 0; place < good.size(); place += 1 + good.size() / 40) {
    std::string bad = good;
    bad[place] = static_cast<char>(bad[place] ^ 0x41);
    INFO("byte " << place);
    CHECK(restore_error(folder.write("bad", bad)).find("InputError") == 0);
  }
}

}  // namespace
}  // namespace backboard
