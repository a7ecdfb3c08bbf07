// The gdb stub on a real board: whatever bytes a client sends, and whatever they do to the guest, the connection goes
// on answering within its limits, and the board can be reset.
#include <systemc>

#include "platform/check/check.h"
#include "platform/debug/board_target.h"
#include "platform/debug/gdb_connection.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/support/board_programs.h"

using namespace backboard;
using test::BoardProgram;

/// SystemC's library has a `main` that asks for it; the fuzzer's comes first.
int sc_main(int, char**) {
  return 0;
}

namespace {

constexpr uint64_t kInstructionsOfRun = 200;
constexpr uint64_t kTimeOfRunPs = 1'000'000'000;

/// A loop over loads, stores, floating point, CSRs, a device and a trap.
BoardProgram busy() {
  BoardProgram p;
  p.li(5, 0x2000);
  p << rv::csrrs(0, 0x300, 5);
  p.li(8, test::kProgramBase + 0x80).li(9, test::kClint);
  const uint32_t loop = p.here();
  p << rv::lw(10, 8, 0) << rv::addi(10, 10, 1) << rv::sw(10, 0, 8) << rv::lbu(11, 8, 3) << rv::csrrs(12, 0xc00, 0);
  p << rv::lw(13, 9, 0) << rv::jal(0, static_cast<int32_t>(loop) - static_cast<int32_t>(p.here()));
  return p;
}

struct Silence final : CharacterSink {
  void put(uint8_t, uint64_t) override {}
};

/// One board for all inputs: SystemC elaborates once. It is reset before each.
Board& board() {
  static Silence silence;
  static Board* const made = [] {
    BoardConfig config;
    config.core.code_cache.enabled = config.core.data_cache.enabled = true;
    auto* const fresh = new Board(config, {silence, silence});  // lives as long as the process
    fresh->set_reset_limit(UINT32_MAX);
    fresh->write_memory(test::kProgramBase, busy().bytes());
    fresh->start(test::kProgramBase);
    return fresh;
  }();
  return *made;
}

std::string memory_packet(const char* kind, uint64_t address, const char* rest) {
  return fmt::format("{}{:x},{}", kind, address, rest);
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  const auto monitor = [](const char* text) { return "qRcmd," + to_hex(text); };
  const std::vector<std::vector<std::string>> sessions = {
      {"qSupported:swbreak+;xmlRegisters=riscv", "QStartNoAckMode", "qXfer:features:read:target.xml:0,ffb", "?",
       "qXfer:memory-map:read::0,1000", "Hg0", "vCont?", "g", "s", "g", "D"},
      {memory_packet("m", test::kProgramBase, "40"), memory_packet("M", test::kProgramBase + 16, "4:01020304"),
       memory_packet("X", test::kProgramBase + 32, "4:abcd"), "p341", "P341=00000000", "P20=00000080", "g", "c", "p20"},
      {memory_packet("Z0,", test::kProgramBase + 16, "4"), memory_packet("Z2,", test::kProgramBase + 128, "4"),
       "vCont;c:1", memory_packet("z0,", test::kProgramBase + 16, "4"),
       memory_packet("z2,", test::kProgramBase + 128, "4"), "s", "C05", "S05;80000000"},
      {memory_packet("Z1,", test::kProgramBase + 20, "2"), memory_packet("Z3,", test::kProgramBase + 128, "1"),
       memory_packet("Z4,", test::kUart, "8"), "c", "c", "c", "vCont;s:1;c", "k"},
      {memory_packet("m", test::kUart, "8"), memory_packet("m", test::kPlic, "20"),
       memory_packet("m", 0x10040000, "100"), memory_packet("M", test::kClint, "4:01000000"),
       memory_packet("M", 0x1000, "4:00000000"), "c"},
      {monitor("help"), monitor("info npu"), monitor("info irq"), monitor("info dram"), monitor("reset"), "g", "c",
       monitor("trace on"), monitor("trace status"), monitor("time"), monitor("info flash"), "c"},
      {"qfThreadInfo", "qsThreadInfo", "qAttached", "T1", "qC", "qOffsets", "qSymbol::", "vMustReplyEmpty", "D", "k"}};
  std::vector<std::vector<uint8_t>> seeds;
  for (const auto& session : sessions) {
    std::string bytes = "+";
    for (const std::string& payload : session) bytes += encode_packet(payload, Runs::plain);
    bytes += '\x03';
    seeds.emplace_back(bytes.begin(), bytes.end());
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Board& b = board();
  b.reset();
  b.write_memory(test::kProgramBase, busy().bytes());
  BoardTarget target(b);
  GdbConnection connection(target);
  // What GdbSession does with requests. False when the client has left.
  const auto settle = [&] {
    const DebugRequest request = connection.take_request();
    const bool goes_on = request == DebugRequest::resume || request == DebugRequest::step;
    if (goes_on) {
      b.core().set_stepping(request == DebugRequest::step);
      b.set_instruction_limit(b.core().statistics().instructions + kInstructionsOfRun);
      const BoardResult result = b.run_until(b.time_ps() + kTimeOfRunPs);
      connection.take_interrupt();
      connection.stopped(target.stop_of(result));
    }
    connection.take_output();
    return request == DebugRequest::none || goes_on;
  };
  bool here = true;
  for (size_t at = 0; here && at < size && !connection.broken(); at += 64) {
    connection.receive({data + at, std::min<size_t>(64, size - at)});
    for (unsigned i = 0; here && i < 100 && connection.requested(); ++i) here = settle();
  }
  if (here && !connection.running()) {
    connection.take_output();
    const std::string question = encode_packet("qC", Runs::plain);
    connection.receive({reinterpret_cast<const uint8_t*>(question.data()), question.size()});
    const std::string answer = connection.take_output();
    BB_CHECK(connection.broken() || answer.find("QC1#c5") != std::string::npos, "answered '{}'", answer);
  }
  target.remove_all_points();
  b.core().set_stepping(false);
  return 0;
}
