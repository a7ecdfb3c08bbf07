// Any packets, on the real board: they end in answers, whatever they do to the guest.
#include "platform/debug/board_target.h"

#include <sys/wait.h>
#include <unistd.h>

#include <catch2/catch.hpp>
#include <random>

#include "platform/debug/gdb_connection.h"
#include "tests/support/board_programs.h"

using namespace backboard;
using test::BoardBench;
using test::BoardProgram;

namespace {

std::string hex(uint64_t value) {
  return fmt::format("{:x}", value);
}

/// Packets of every kind with addresses of every kind, and now and then what is no packet at all.
class Mischief {
 public:
  explicit Mischief(unsigned seed) : random_(seed) {}
  std::string packet() {
    switch (pick(16)) {
      case 0:
        return "g";
      case 1:
        return "p" + hex(pick(4300));
      case 2:
        return "P" + hex(register_number()) + "=" + little(static_cast<uint32_t>(random_()));
      case 3:
        return "m" + hex(address()) + "," + hex(pick(64));
      case 4:
        return "M" + hex(address()) + ",4:" + little(static_cast<uint32_t>(random_()));
      case 5:
        return "X" + hex(address()) + ",2:ab";
      case 6:
      case 7:
        return (pick(3) ? "Z" : "z") + hex(pick(6)) + "," + hex(address()) + "," + hex(1 + pick(8));
      case 8:
        return "s";
      case 9:
        return "c";
      case 10:
        return "vCont;s:1;c";
      case 11:
        return "qRcmd," + to_hex(kMonitor[pick(std::size(kMonitor))]);
      case 12:
        return "qXfer:features:read:target.xml:" + hex(pick(20000)) + "," + hex(pick(6000));
      case 13:
        return "P20=" + little(static_cast<uint32_t>(address()));
      case 14:
        return "G" + std::string(pick(600), '8');
      default: {
        std::string noise;
        for (unsigned i = pick(20); i > 0; --i) noise += static_cast<char>(random_());
        return noise;
      }
    }
  }
  uint32_t pick(uint64_t below) { return static_cast<uint32_t>(random_() % below); }

 private:
  static constexpr const char* kMonitor[] = {"help",       "reset",     "info npu", "info irq",
                                             "info dram",  "info uart", "info dma", "info watchdog",
                                             "info flash", "time",      "trace on"};
  static std::string little(uint32_t value) {
    std::string text;
    for (unsigned i = 0; i < 4; ++i) text += fmt::format("{:02x}", value >> (8 * i) & 0xff);
    return text;
  }
  uint32_t register_number() { return pick(2) ? pick(65) : gdb_register::kFirstCsr + 0x300 + pick(0x100); }
  uint64_t address() {
    static constexpr uint64_t kBases[] = {test::kProgramBase, test::kFinisher, test::kClint, test::kPlic, test::kUart,
                                          test::kWatchdog,    0x10010000,      0x10020100,   0x10040000,  0x1000,
                                          0x08000000,         0x20000000,      0x8ffffffc,   0xfffffffc,  0,
                                          0x40000000};
    if (pick(20) == 0) return random_();
    return kBases[pick(2) ? 0 : pick(std::size(kBases))] + pick(128);
  }
  std::mt19937_64 random_;
};

/// A loop over loads, stores, CSRs and a device.
BoardProgram busy() {
  BoardProgram p;
  p.li(8, test::kProgramBase + 0x80).li(9, test::kClint);
  const uint32_t loop = p.here();
  p << rv::lw(10, 8, 0) << rv::addi(10, 10, 1) << rv::sw(10, 0, 8) << rv::lbu(11, 8, 3) << rv::csrrs(12, 0xc00, 0);
  p << rv::lw(13, 9, 0) << rv::jal(0, static_cast<int32_t>(loop) - static_cast<int32_t>(p.here()));
  return p;
}

/// 0 when every packet was answered in full.
int harass(Board& board, unsigned seed) {
  Mischief mischief(seed);
  BoardTarget target(board);
  GdbConnection connection(target);
  for (unsigned round = 0; round < 400; ++round) {
    const std::string frame = encode_packet(mischief.packet(), Runs::plain);
    connection.receive({reinterpret_cast<const uint8_t*>(frame.data()), frame.size()});
    const DebugRequest request = connection.take_request();
    if (request == DebugRequest::detach || request == DebugRequest::kill) return 0;
    if (connection.running()) {
      board.core().set_stepping(request == DebugRequest::step);
      board.set_instruction_limit(board.core().statistics().instructions + 100);
      const BoardResult result = board.run_until(board.time_ps() + 1'000'000'000);
      connection.stopped(target.stop_of(result));
    }
    if (connection.broken() || connection.take_output().empty()) return 2;
  }
  target.remove_all_points();
  return 0;
}

}  // namespace

TEST_CASE("packets of every kind at the real board end in answers") {
  BoardBench bench(busy());
  for (unsigned seed = 1; seed <= 60; ++seed) {
    // A process each: what they do to the guest may end it for good.
    const pid_t child = ::fork();
    REQUIRE(child >= 0);
    if (child == 0) ::_exit(harass(bench.board, seed));
    int status = -1;
    REQUIRE(::waitpid(child, &status, 0) == child);
    INFO("seed " << seed);
    CHECK(status == 0);
  }
}
