// Framing: what is encoded parses again, and no bytes confuse the parser for longer than one packet.
#include "platform/debug/packet.h"

#include <catch2/catch.hpp>
#include <random>
#include <vector>

using namespace backboard;

namespace {

std::vector<PacketEvent> feed(PacketParser& parser, const std::string& bytes) {
  std::vector<PacketEvent> events;
  for (const char c : bytes) {
    const PacketEvent event = parser.put(static_cast<uint8_t>(c));
    if (event != PacketEvent::none) events.push_back(event);
  }
  return events;
}

}  // namespace

TEST_CASE("a packet has the checksum of its bytes as they are sent") {
  CHECK(encode_packet("OK") == "$OK#9a");  // 0x4f + 0x4b
  CHECK(encode_packet("") == "$#00");
  CHECK(encode_packet("#") == "$}\x03#80");                 // '}' is 0x7d, '#' ^ 0x20 is 3
  CHECK(encode_packet("0000", Runs::plain) == "$0000#c0");  // what a debugger sends; 4 * 0x30
  CHECK(encode_packet("0000") == "$0* #7a");                // three repetitions: 3 + 29 is a space; 0x30 + 0x2a + 0x20
}

TEST_CASE("a run of a length whose count would be a frame character is split") {
  // 7 equal bytes would be a count of 6 + 29 = '#'.
  CHECK(encode_packet("0000000").substr(0, 5) == "$0*\"0");
}

TEST_CASE("every payload comes back, whatever its bytes and runs") {
  std::mt19937 random(1);
  PacketParser parser(true);
  for (unsigned round = 0; round < 2000; ++round) {
    std::string payload;
    while (payload.size() < random() % 600) payload.append(1 + random() % 120, static_cast<char>(random()));
    const auto events = feed(parser, encode_packet(payload));
    REQUIRE(events == std::vector{PacketEvent::packet});
    REQUIRE(parser.payload() == payload);
  }
}

TEST_CASE("a changed byte is a bad checksum, and the next packet is read") {
  PacketParser parser;
  CHECK(feed(parser, "$mX#9a") == std::vector{PacketEvent::bad_checksum});
  CHECK(feed(parser, "$OK#zz") == std::vector{PacketEvent::bad_checksum});
  CHECK(feed(parser, "$O}#cc") == std::vector{PacketEvent::bad_checksum});  // an escape of nothing
  CHECK(feed(parser, "$half$OK#9a") == std::vector{PacketEvent::packet});
  CHECK(parser.payload() == "OK");
}

TEST_CASE("acknowledgements and Ctrl-C are events only outside packets") {
  PacketParser parser;
  CHECK(feed(parser, "+-\x03") == std::vector{PacketEvent::ack, PacketEvent::nack, PacketEvent::interrupt});
  CHECK(feed(parser, "$+-\x03#5b") == std::vector{PacketEvent::packet});  // 0x2b + 0x2d + 3
  CHECK(parser.payload() == "+-\x03");
}

TEST_CASE("a payload past the limit is dropped, one at the limit is not") {
  PacketParser parser;
  const auto frame = [](size_t size) {
    std::string text = "$" + std::string(size, 'a') + "#";
    const char* digits = "0123456789abcdef";
    const size_t sum = size * 'a' % 256;
    return text + digits[sum / 16] + digits[sum % 16];
  };
  CHECK(feed(parser, frame(PacketParser::kMaxPayload)) == std::vector{PacketEvent::packet});
  CHECK(feed(parser, frame(PacketParser::kMaxPayload + 1)) == std::vector{PacketEvent::too_long});
}

TEST_CASE("hexadecimal text goes both ways and refuses what is none") {
  std::string bytes;
  CHECK(from_hex(to_hex("a\xff"), bytes));
  CHECK(bytes == "a\xff");
  CHECK_FALSE(from_hex("abc", bytes));
  CHECK_FALSE(from_hex("zz", bytes));
}
