// A look at the wire format of a protobuf message before libprotobuf builds it: sizes are checked before memory is
// taken.
#pragma once

#include <cstdint>
#include <span>
#include <string>

namespace google::protobuf {
class Descriptor;
}

namespace backboard {

/// What a message may cost.
struct WireLimits {
  uint64_t memory_bytes = uint64_t{2} << 30;  ///< estimate of the parsed message in memory
  unsigned depth = 24;                        ///< messages within messages
};

/// Walks `bytes` as a message of the given kind (Protocol Buffers, "Encoding"; groups are refused).
/// @throws InputError with the offset of what is malformed, nested too deeply, or would take too much memory.
void check_wire(std::span<const uint8_t> bytes, const google::protobuf::Descriptor& message, const std::string& file,
                const WireLimits& limits = {});

}  // namespace backboard
