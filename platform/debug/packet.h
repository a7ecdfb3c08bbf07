// Framing of the gdb remote serial protocol: `$payload#checksum`, acknowledgements and the interrupt byte.
// Source: Debugging with GDB, appendix "gdb Remote Serial Protocol", section "Overview".
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace backboard {

/// What a byte completed.
enum class PacketEvent : uint8_t {
  none,
  packet,        ///< payload() holds it, with escapes undone
  bad_checksum,  ///< or an ill-formed run length: the peer should send it again
  too_long,      ///< the payload went past kMaxPayload and was dropped
  ack,
  nack,
  interrupt,  ///< byte 0x03 outside a packet: Ctrl-C
};

/// Takes a stream apart byte by byte. Any bytes are allowed; memory is bounded by kMaxPayload.
class PacketParser {
 public:
  static constexpr size_t kMaxPayload = 16384;

  /// `expand_runs`: undo run-length encoding, which only answers to a debugger use.
  explicit PacketParser(bool expand_runs = false) : expand_runs_(expand_runs) {}

  PacketEvent put(uint8_t byte);
  /// The last packet; valid until the next `put`.
  const std::string& payload() const { return payload_; }

 private:
  enum class State : uint8_t { outside, payload, escaped, run, checksum_high, checksum_low };

  PacketEvent put_outside(uint8_t byte);
  void put_payload(uint8_t byte);
  void append(uint8_t byte, size_t count = 1);
  PacketEvent finish(int low_digit);

  bool expand_runs_;
  State state_ = State::outside;
  bool bad_ = false;
  bool overflow_ = false;
  uint8_t sum_ = 0;
  int high_digit_ = -1;
  std::string payload_;
};

/// Whether a frame shortens runs of equal bytes. Answers of a stub may; requests of a debugger never do.
enum class Runs : uint8_t { shortened, plain };

/// The frame of a payload: escapes `#`, `$`, `}` and `*`.
std::string encode_packet(std::string_view payload, Runs runs = Runs::shortened);

/// Value of a hexadecimal digit, -1 for other bytes.
int hex_digit(uint8_t byte);
std::string to_hex(std::string_view bytes);
/// False when `text` is no even number of hexadecimal digits.
bool from_hex(std::string_view text, std::string& bytes);

}  // namespace backboard
