#include "platform/debug/packet.h"

#include <algorithm>

namespace backboard {
namespace {

constexpr uint8_t kInterruptByte = 0x03;
constexpr uint8_t kEscape = '}';
constexpr uint8_t kEscapeMask = 0x20;
constexpr char kDigits[] = "0123456789abcdef";

// A count of n repetitions is the character n + 29, which must be printable; `#` and `$` are taken.
constexpr size_t kRunOffset = 29;
constexpr size_t kMinRepeats = 3;
constexpr size_t kMaxRepeats = 126 - kRunOffset;

bool needs_escape(char c) {
  return c == '#' || c == '$' || c == '}' || c == '*';
}

}  // namespace

int hex_digit(uint8_t byte) {
  if (byte >= '0' && byte <= '9') return byte - '0';
  if (byte >= 'a' && byte <= 'f') return byte - 'a' + 10;
  if (byte >= 'A' && byte <= 'F') return byte - 'A' + 10;
  return -1;
}

std::string to_hex(std::string_view bytes) {
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    text += kDigits[static_cast<uint8_t>(c) >> 4];
    text += kDigits[static_cast<uint8_t>(c) & 15];
  }
  return text;
}

bool from_hex(std::string_view text, std::string& bytes) {
  bytes.clear();
  if (text.size() % 2 != 0) return false;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = hex_digit(static_cast<uint8_t>(text[i]));
    const int low = hex_digit(static_cast<uint8_t>(text[i + 1]));
    if (high < 0 || low < 0) return false;
    bytes += static_cast<char>(high << 4 | low);
  }
  return true;
}

PacketEvent PacketParser::put(uint8_t byte) {
  if (state_ == State::outside) return put_outside(byte);
  if (byte == '$') {  // never part of a payload: the peer has begun anew
    state_ = State::outside;
    return put_outside(byte);
  }
  if (state_ == State::checksum_high) {
    high_digit_ = hex_digit(byte);
    state_ = State::checksum_low;
    return PacketEvent::none;
  }
  if (state_ == State::checksum_low) {
    state_ = State::outside;
    return finish(hex_digit(byte));
  }
  if (byte == '#') {
    bad_ = bad_ || state_ != State::payload;  // an escape or a run length without its second byte
    state_ = State::checksum_high;
    return PacketEvent::none;
  }
  sum_ = static_cast<uint8_t>(sum_ + byte);
  put_payload(byte);
  return PacketEvent::none;
}

PacketEvent PacketParser::put_outside(uint8_t byte) {
  switch (byte) {
    case '$':
      payload_.clear();
      sum_ = 0;
      bad_ = overflow_ = false;
      state_ = State::payload;
      return PacketEvent::none;
    case '+':
      return PacketEvent::ack;
    case '-':
      return PacketEvent::nack;
    case kInterruptByte:
      return PacketEvent::interrupt;
    default:
      return PacketEvent::none;
  }
}

void PacketParser::put_payload(uint8_t byte) {
  if (state_ == State::escaped) {
    append(byte ^ kEscapeMask);
    state_ = State::payload;
  } else if (state_ == State::run) {
    if (byte < kRunOffset + kMinRepeats || byte > 126 || payload_.empty()) {
      bad_ = true;
    } else {
      append(static_cast<uint8_t>(payload_.back()), byte - kRunOffset);
    }
    state_ = State::payload;
  } else if (byte == kEscape) {
    state_ = State::escaped;
  } else if (expand_runs_ && byte == '*') {
    state_ = State::run;
  } else {
    append(byte);
  }
}

void PacketParser::append(uint8_t byte, size_t count) {
  overflow_ = overflow_ || payload_.size() + count > kMaxPayload;
  if (!overflow_) payload_.append(count, static_cast<char>(byte));
}

PacketEvent PacketParser::finish(int low_digit) {
  if (bad_ || high_digit_ < 0 || low_digit < 0 || (high_digit_ << 4 | low_digit) != sum_) {
    return PacketEvent::bad_checksum;
  }
  return overflow_ ? PacketEvent::too_long : PacketEvent::packet;
}

std::string encode_packet(std::string_view payload, Runs runs) {
  std::string frame = "$";
  for (size_t i = 0; i < payload.size();) {
    const char c = payload[i++];
    if (needs_escape(c)) {
      frame += {static_cast<char>(kEscape), static_cast<char>(c ^ kEscapeMask)};
      continue;
    }
    frame += c;
    if (runs == Runs::plain) continue;
    size_t repeats = 0;
    while (repeats < kMaxRepeats && i + repeats < payload.size() && payload[i + repeats] == c) ++repeats;
    if (repeats < kMinRepeats) continue;
    if (repeats == '#' - kRunOffset || repeats == '$' - kRunOffset) repeats = '#' - kRunOffset - 1;
    frame += {'*', static_cast<char>(repeats + kRunOffset)};
    i += repeats;
  }
  uint8_t sum = 0;
  for (size_t i = 1; i < frame.size(); ++i) sum = static_cast<uint8_t>(sum + static_cast<uint8_t>(frame[i]));
  frame += {'#', kDigits[sum >> 4], kDigits[sum & 15]};
  return frame;
}

}  // namespace backboard
