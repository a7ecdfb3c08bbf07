// The gdb stub: any bytes from a client leave the connection answering, within its limits.
#include "platform/check/check.h"
#include "platform/debug/gdb_connection.h"
#include "tests/fuzz/fuzz_target.h"
#include "tests/platform/debug/fake_target.h"

using namespace backboard;

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  const std::vector<std::vector<const char*>> sessions = {
      {"qSupported:swbreak+;xmlRegisters=riscv", "QStartNoAckMode", "qXfer:features:read:target.xml:0,ffb", "?",
       "qXfer:memory-map:read::0,1000", "Hg0", "vCont?", "g"},
      {"m80000000,40", "M80000010,4:01020304", "X80000020,4:abcd", "p341", "P341=00000000", "P20=00000080", "g"},
      {"Z0,80000010,4", "Z2,80000020,4", "vCont;c:1", "z0,80000010,4", "z2,80000020,4", "s", "C05", "S05;80000000"},
      {"qRcmd,68656c70", "qfThreadInfo", "qsThreadInfo", "qAttached", "T1", "qC", "D", "k"}};
  std::vector<std::vector<uint8_t>> seeds;
  for (const auto& session : sessions) {
    std::string bytes = "+";
    for (const char* payload : session) bytes += encode_packet(payload, Runs::plain);
    bytes += '\x03';
    seeds.emplace_back(bytes.begin(), bytes.end());
  }
  return seeds;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  test::FakeTarget target;
  GdbConnection connection(target);
  // False when the client has left: the connection ends there.
  const auto settle = [&connection] {
    for (unsigned i = 0; i < 1000; ++i) {
      const DebugRequest request = connection.take_request();
      if (request == DebugRequest::detach || request == DebugRequest::kill) return false;
      connection.take_interrupt();
      if (!connection.running()) break;
      connection.stopped({});
    }
    connection.take_output();
    return true;
  };
  for (size_t at = 0; at < size && !connection.broken(); at += 64) {
    connection.receive({data + at, std::min<size_t>(64, size - at)});
    if (!settle()) return 0;
  }
  // Whatever came before, a new packet is understood.
  const std::string question = encode_packet("qC", Runs::plain);
  connection.receive({reinterpret_cast<const uint8_t*>(question.data()), question.size()});
  const std::string answer = connection.take_output();
  BB_CHECK(connection.broken() || answer.find("QC1#c5") != std::string::npos, "answered '{}'", answer);
  return 0;
}
