#include "sw/onnx/wire.h"

#include <google/protobuf/descriptor.h>

#include "platform/check/input_error.h"

namespace backboard {

namespace {

using google::protobuf::Descriptor;
using google::protobuf::FieldDescriptor;

/// Wire types.
enum : uint64_t { kVarint = 0, kFixed64 = 1, kLengthDelimited = 2, kFixed32 = 5 };

/// Bytes that a parsed message, string or unknown field takes beside its contents, rounded up from libprotobuf 3.21.
constexpr uint64_t kMessageBytes = 384, kStringBytes = 64, kScalarBytes = 16;

class WireWalk {
 public:
  WireWalk(std::span<const uint8_t> bytes, const std::string& file, const WireLimits& limits)
      : bytes_(bytes), file_(file), limits_(limits) {}

  void message(const Descriptor& kind, uint64_t end, unsigned depth) {
    if (depth > limits_.depth) fail(at_, fmt::format("more than {} messages within each other", limits_.depth));
    take(kMessageBytes);
    while (at_ < end) {
      const uint64_t start = at_;
      const uint64_t tag = varint(end);
      if (tag >> 3 == 0 || tag >> 3 > FieldDescriptor::kMaxNumber) fail(start, "no number of a field");
      field(kind.FindFieldByNumber(static_cast<int>(tag >> 3)), tag & 7, start, end, depth);
    }
  }

 private:
  void field(const FieldDescriptor* field, uint64_t type, uint64_t start, uint64_t end, unsigned depth) {
    switch (type) {
      case kVarint:
        varint(end);
        take(kScalarBytes);
        return;
      case kFixed64:
        skip(8, start, end);
        take(kScalarBytes);
        return;
      case kFixed32:
        skip(4, start, end);
        take(kScalarBytes);
        return;
      case kLengthDelimited:
        return delimited(field, start, end, depth);
      default:
        fail(start, fmt::format("wire type {} is none of ONNX", type));
    }
  }

  void delimited(const FieldDescriptor* field, uint64_t start, uint64_t end, unsigned depth) {
    const uint64_t length = varint(end);
    if (length > end - at_)
      fail(start, fmt::format("{} of {} bytes in a message that ends after {}",
                              field == nullptr ? "a field" : field->full_name(), length, end - at_));
    if (field != nullptr && field->cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE)
      return message(*field->message_type(), at_ + length, depth + 1);
    // A packed varint of one byte becomes an element of up to eight.
    const bool varints = field != nullptr && field->cpp_type() != FieldDescriptor::CPPTYPE_STRING &&
                         field->cpp_type() != FieldDescriptor::CPPTYPE_FLOAT &&
                         field->cpp_type() != FieldDescriptor::CPPTYPE_DOUBLE;
    take(kStringBytes + (varints ? 8 * length : length));
    at_ += length;
  }

  uint64_t varint(uint64_t end) {
    const uint64_t start = at_;
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64; shift += 7) {
      if (at_ == end) fail(start, "a number is cut off");
      const uint8_t byte = bytes_[at_++];
      value |= uint64_t{byte & 0x7fu} << shift;
      if ((byte & 0x80) == 0) return value;
    }
    fail(start, "a number of more than 64 bits");
  }
  void skip(uint64_t count, uint64_t start, uint64_t end) {
    if (count > end - at_) fail(start, "a number is cut off");
    at_ += count;
  }
  void take(uint64_t bytes) {
    memory_bytes_ += bytes;
    if (memory_bytes_ > limits_.memory_bytes)
      fail(at_, fmt::format("the message would take more than {} bytes of memory", limits_.memory_bytes));
  }
  [[noreturn]] void fail(uint64_t offset, const std::string& message) const {
    throw InputError::at_offset(file_, offset, "not an ONNX model: " + message);
  }

  std::span<const uint8_t> bytes_;
  const std::string& file_;
  WireLimits limits_;
  uint64_t at_ = 0;
  uint64_t memory_bytes_ = 0;
};

}  // namespace

void check_wire(std::span<const uint8_t> bytes, const Descriptor& message, const std::string& file,
                const WireLimits& limits) {
  WireWalk(bytes, file, limits).message(message, bytes.size(), 0);
}

}  // namespace backboard
