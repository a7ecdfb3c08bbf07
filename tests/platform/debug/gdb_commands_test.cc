// The command interpreter and the connection on a target of plain memory.
#include <catch2/catch.hpp>
#include <random>

#include "platform/debug/gdb_connection.h"
#include "tests/platform/debug/fake_target.h"

using namespace backboard;
using backboard::test::FakeTarget;

namespace {

struct Bench {
  FakeTarget target;
  GdbCommands commands{target};
  std::string ask(std::string_view payload) { return commands.handle(payload).text; }
};

std::span<const uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const uint8_t*>(text.data()), text.size()};
}

/// What a client would see: payloads of the packets in `output`.
std::vector<std::string> payloads_of(const std::string& output) {
  PacketParser parser(true);
  std::vector<std::string> payloads;
  for (const char c : output) {
    if (parser.put(static_cast<uint8_t>(c)) == PacketEvent::packet) payloads.push_back(parser.payload());
  }
  return payloads;
}

}  // namespace

TEST_CASE("registers are little-endian words by gdb's numbers") {
  Bench b;
  b.target.registers[10] = 0x12345678;
  b.target.registers[gdb_register::kPc] = 0x80000004;
  CHECK(b.ask("pa") == "78563412");
  CHECK(b.ask("p20") == "04000080");
  CHECK(b.ask("p341") == "00180000");  // 65 + 0x300: mstatus
  CHECK(b.ask("p342") == "E02");
  CHECK(b.ask("pffffffffffff") == "E02");
  CHECK(b.ask("Pa=01000000") == "OK");
  CHECK(b.target.registers[10] == 1);
  CHECK(b.ask("Pa=xyz") == "E01");
  const std::string all = b.ask("g");
  CHECK(all.size() == 33 * 8);
  CHECK(all.substr(10 * 8, 8) == "01000000");
  CHECK(b.ask("G" + std::string(33 * 8, '1')) == "OK");
  CHECK(b.target.registers[31] == 0x11111111);
  CHECK(b.ask("G11") == "E01");
}

TEST_CASE("memory is read and written, in hexadecimal and binary, and refused outside") {
  Bench b;
  CHECK(b.ask("M80000000,4:01020304") == "OK");
  CHECK(b.ask("m80000000,4") == "01020304");
  CHECK(b.ask(std::string("X80000001,2:\x23\0", 14)) == "OK");
  CHECK(b.ask("m80000000,4") == "01230004");
  CHECK(b.ask("X80000000,0:") == "OK");
  CHECK(b.ask("m7fffffff,4") == "E0e");
  CHECK(b.ask("M80000ffe,4:00000000") == "E0e");
  CHECK(b.ask("mffffffffffffffff,4") == "E0e");
  CHECK(b.ask("M80000000,4:01") == "E01");
  CHECK(b.ask("m80000000") == "E01");
  CHECK(b.ask("m80000000,ffffffff") == "E0e");  // cut to what a packet holds, and still outside
  CHECK(b.ask("m80000000,") == "E01");
  CHECK(b.ask("m11111111122222222,4") == "E01");  // 17 digits
}

TEST_CASE("points of each kind are set and removed") {
  Bench b;
  CHECK(b.ask("Z0,80000010,4") == "OK");
  CHECK(b.target.breakpoints[0x80000010]);
  CHECK(b.ask("z1,80000010,4") == "OK");
  CHECK_FALSE(b.target.breakpoints[0x80000010]);
  CHECK(b.ask("Z2,80000020,8") == "OK");
  CHECK(b.target.watch.kind == DebugWatch::write);
  CHECK(b.target.watch.size_bytes == 8);
  CHECK(b.ask("Z3,80000020,8") == "OK");
  CHECK(b.target.watch.kind == DebugWatch::read);
  CHECK(b.ask("z4,80000020,8") == "OK");
  CHECK(b.target.watch.kind == DebugWatch::access);
  CHECK_FALSE(b.target.watch.present);
  CHECK(b.ask("Z5,0,4") == "");
  CHECK(b.ask("Z2,0,0") == "E01");
  CHECK(b.ask("Z2,0,ffffffff") == "E01");
  CHECK(b.ask("Z2,fffffffffffffffe,4") == "E01");
}

TEST_CASE("resuming, stepping, detaching and killing are requests") {
  Bench b;
  const auto request = [&](std::string_view payload) { return b.commands.handle(payload).request; };
  CHECK(request("c") == DebugRequest::resume);
  CHECK(request("s") == DebugRequest::step);
  CHECK(request("s80000008") == DebugRequest::step);
  CHECK(b.target.registers[gdb_register::kPc] == 0x80000008);
  CHECK(request("C05") == DebugRequest::resume);
  CHECK(request("S05;80000000") == DebugRequest::step);
  CHECK(request("vCont;s:1;c") == DebugRequest::step);
  CHECK(request("vCont;s:2;c") == DebugRequest::resume);
  CHECK(request("vCont;C05:-1") == DebugRequest::resume);
  CHECK(request("vCont") == DebugRequest::none);
  CHECK(request("vCont;x") == DebugRequest::none);
  CHECK(request("cxyz") == DebugRequest::none);
  CHECK(request("D") == DebugRequest::detach);
  CHECK(request("k") == DebugRequest::kill);
  CHECK(request("vKill;1") == DebugRequest::kill);
}

TEST_CASE("stop replies name signal, watched address and exit code") {
  Bench b;
  b.target.registers[gdb_register::kPc] = 0x80000004;
  CHECK(b.ask("?") == "T0520:04000080;02:00000000;thread:1;");
  DebugStop stop;
  stop.kind = DebugStop::Kind::breakpoint;
  CHECK(b.commands.stop_reply(stop) == "T05swbreak:;20:04000080;02:00000000;thread:1;");
  stop.kind = DebugStop::Kind::watchpoint;
  stop.address = 0x80000040;
  stop.watch = DebugWatch::access;
  CHECK(b.commands.stop_reply(stop) == "T05awatch:80000040;20:04000080;02:00000000;thread:1;");
  stop.kind = DebugStop::Kind::exited;
  stop.exit_code = 42;
  CHECK(b.commands.stop_reply(stop) == "W2a");
}

TEST_CASE("registers of a core of 64 bits are of 64 bits, floating-point ones too") {
  Bench b;
  b.target.width = 64;
  const std::string document = b.ask("qXfer:features:read:target.xml:0,3fff");
  CHECK(document.find("<architecture>riscv:rv64</architecture>") != std::string::npos);
  CHECK(document.find("<reg name=\"sp\" bitsize=\"64\" regnum=\"2\"") != std::string::npos);
  CHECK(document.find("<reg name=\"fa0\" bitsize=\"64\" regnum=\"43\" type=\"ieee_double\"/>") != std::string::npos);
  CHECK(b.ask("P2b=182d4454fb210940") == "OK");
  CHECK(b.ask("p2b") == "182d4454fb210940");
  CHECK(b.target.registers[gdb_register::kFirstF + 10] == 0x400921fb54442d18);
  CHECK(b.ask("P5=8877665544332211") == "OK");
  CHECK(b.ask("g").substr(5 * 16, 16) == "8877665544332211");
  CHECK(b.ask("g").size() == 33 * 16);
}

TEST_CASE("documents are read in parts, and what is unknown has the empty answer") {
  Bench b;
  const std::string whole = b.ask("qXfer:features:read:target.xml:0,3fff");
  CHECK(whole[0] == 'l');
  CHECK(whole.find("<reg name=\"mstatus\" bitsize=\"32\" regnum=\"833\"") != std::string::npos);
  std::string parts;
  for (bool more = true; more;) {
    const std::string part = b.ask("qXfer:features:read:target.xml:" + [&] {
      char text[20];
      std::snprintf(text, sizeof text, "%zx,64", parts.size());
      return std::string(text);
    }());
    more = part[0] == 'm';
    parts += part.substr(1);
  }
  CHECK(parts == whole.substr(1));
  CHECK(b.ask("qXfer:memory-map:read::0,fff").find("<memory type=\"rom\" start=\"0x1000\" length=\"0x1000\"/>") !=
        std::string::npos);
  CHECK(b.ask("qXfer:features:read:other.xml:0,10") == "E00");
  CHECK(b.ask("qXfer:features:read:target.xml:ffffffffffffffff,10") == "l");
  CHECK(b.ask("qXfer:auxv:read::0,10") == "");
  CHECK(b.ask("vMustReplyEmpty") == "");
  CHECK(b.ask("qRcmd,68656c70") == to_hex("got help"));
  CHECK(b.ask("qRcmd,6") == "E01");
}

TEST_CASE("a connection acknowledges until it is told not to, and repeats when asked") {
  FakeTarget target;
  GdbConnection connection(target);
  connection.receive(bytes_of("$qC#b4"));
  CHECK(connection.take_output() == "+$QC1#c5");
  connection.receive(bytes_of("-"));
  CHECK(connection.take_output() == "$QC1#c5");
  connection.receive(bytes_of("$qC#00"));
  CHECK(connection.take_output() == "-");
  connection.receive(bytes_of(encode_packet("QStartNoAckMode", Runs::plain)));
  CHECK(connection.take_output() == "+$OK#9a");
  connection.receive(bytes_of("$qC#b4"));
  CHECK(connection.take_output() == "$QC1#c5");
}

TEST_CASE("while the machine runs only Ctrl-C is heard, and packets wait for the stop") {
  FakeTarget target;
  GdbConnection connection(target);
  connection.receive(bytes_of("\x03$c#63$qC#b4\x03"));
  CHECK(connection.take_request() == DebugRequest::resume);
  CHECK(connection.running());
  CHECK(connection.take_interrupt());
  CHECK_FALSE(connection.take_interrupt());
  CHECK(payloads_of(connection.take_output()).empty());
  connection.stopped({});
  const auto payloads = payloads_of(connection.take_output());
  REQUIRE(payloads.size() == 2);
  CHECK(payloads[0].substr(0, 3) == "T05");
  CHECK(payloads[1] == "QC1");
}

TEST_CASE("a client that floods a running machine is broken, not remembered without limit") {
  FakeTarget target;
  GdbConnection connection(target);
  connection.receive(bytes_of("$c#63"));
  for (unsigned i = 0; i < 1000; ++i) connection.receive(bytes_of("$qC#b4"));
  CHECK(connection.broken());
}

TEST_CASE("random packets get answers and never anything else") {
  std::mt19937 random(7);
  FakeTarget target;
  static const char kAlphabet[] = "?gGpPmMXzZcCsSvqQHTDk0123456789abcdef,:;=-";
  GdbConnection connection(target);
  for (unsigned round = 0; round < 20000; ++round) {
    std::string payload;
    const size_t length = random() % 24;
    while (payload.size() < length) payload += kAlphabet[random() % (sizeof kAlphabet - 1)];
    connection.receive(bytes_of(encode_packet(payload, Runs::plain)));
    connection.take_request();
    if (connection.running()) connection.stopped({});
    connection.receive({});
    REQUIRE_FALSE(connection.broken());
    const std::string output = connection.take_output();
    REQUIRE_FALSE(output.empty());
  }
}
