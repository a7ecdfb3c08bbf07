#include "platform/cpu/semihosting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>
#include <vector>

namespace backboard {
namespace {

enum Operation : uint64_t {
  kOpen = 0x01,
  kClose = 0x02,
  kWriteC = 0x03,
  kWrite0 = 0x04,
  kWrite = 0x05,
  kIsTty = 0x09,
  kClock = 0x10,
  kErrno = 0x13,
  kExit = 0x18,
  kExitExtended = 0x20,
};

constexpr uint64_t kFailed = UINT64_MAX;
constexpr uint64_t kErrorBadFile = 9;       // EBADF
constexpr uint64_t kErrorBadAddress = 14;   // EFAULT
constexpr uint64_t kErrorNotModelled = 38;  // ENOSYS
constexpr uint64_t kOutputHandle = 1, kErrorHandle = 2, kInputHandle = 0;
constexpr uint64_t kApplicationExit = 0x20026;  // ADP_Stopped_ApplicationExit
constexpr uint64_t kPsPerCentisecond = 10'000'000'000;
constexpr size_t kChunkBytes = 256;
constexpr size_t kLongestString = 1 << 20;

}  // namespace

/// The words that a1 points to.
struct ConsoleSemihosting::Arguments {
  bool readable = false;
  std::array<uint64_t, 3> words{};

  Arguments(uint64_t address, unsigned count, unsigned word_bytes, GuestMemory& memory) {
    std::array<uint8_t, 24> bytes{};
    readable = memory.peek(address, std::span(bytes).first(count * word_bytes));
    for (unsigned i = 0; i < count; ++i) std::memcpy(&words[i], bytes.data() + i * word_bytes, word_bytes);
  }
};

SemihostingReply ConsoleSemihosting::fail(uint64_t error) {
  errno_ = error;
  return {kFailed, false};
}

SemihostingReply ConsoleSemihosting::call(uint64_t operation, uint64_t parameter, unsigned word_bytes, uint64_t time_ps,
                                          GuestMemory& memory) {
  switch (operation) {
    case kOpen:
      return open({parameter, 3, word_bytes, memory}, memory);
    case kClose:
    case kIsTty: {
      const Arguments arguments(parameter, 1, word_bytes, memory);
      if (!arguments.readable) return fail(kErrorBadAddress);
      if (arguments.words[0] > kErrorHandle) return fail(kErrorBadFile);
      return {operation == kIsTty ? 1u : 0u, false};
    }
    case kWriteC: {
      uint8_t character = 0;
      if (!memory.peek(parameter, std::span(&character, 1))) return fail(kErrorBadAddress);
      const auto c = static_cast<char>(character);
      write_(SemihostingStream::output, std::string_view(&c, 1));
      return {};
    }
    case kWrite0:
      return write_string(parameter, memory);
    case kWrite:
      return write_handle({parameter, 3, word_bytes, memory}, memory);
    case kClock:
      return {time_ps / kPsPerCentisecond, false};
    case kErrno:
      return {errno_, false};
    case kExit:
      if (word_bytes == 4) return exit_simple(parameter);
      [[fallthrough]];
    case kExitExtended: {
      const Arguments arguments(parameter, 2, word_bytes, memory);
      if (!arguments.readable) return fail(kErrorBadAddress);
      if (arguments.words[0] != kApplicationExit) return exit_simple(arguments.words[0]);
      exit_code_ = static_cast<int>(arguments.words[1] & 0xff);
      return {0, true};
    }
    default:
      break;
  }
  if (reported_.insert(operation).second) {
    report_(fmt::format("semihosting: operation {:#x} is not modelled; it returns -1", operation));
  }
  return fail(kErrorNotModelled);
}

SemihostingReply ConsoleSemihosting::open(const Arguments& arguments, GuestMemory& memory) {
  if (!arguments.readable || arguments.words[2] > kChunkBytes) return fail(kErrorBadAddress);
  std::string name(arguments.words[2], '\0');
  const auto bytes = std::span(reinterpret_cast<uint8_t*>(name.data()), name.size());
  if (!memory.peek(arguments.words[0], bytes)) return fail(kErrorBadAddress);
  if (name != ":tt") {
    if (reported_.insert(kOpen).second) {
      report_(fmt::format("semihosting: files are not modelled: SYS_OPEN of '{}' returns -1", name));
    }
    return fail(kErrorNotModelled);
  }
  // Modes 0 to 3 read, 4 to 7 write, 8 to 11 append: stdin, stdout and stderr.
  const uint64_t mode = arguments.words[1];
  if (mode > 11) return fail(kErrorBadFile);
  return {mode < 4 ? kInputHandle : mode < 8 ? kOutputHandle : kErrorHandle, false};
}

SemihostingReply ConsoleSemihosting::write_handle(const Arguments& arguments, GuestMemory& memory) {
  if (!arguments.readable) return fail(kErrorBadAddress);
  const auto [handle, address, length] = arguments.words;
  if (handle != kOutputHandle && handle != kErrorHandle) {
    errno_ = kErrorBadFile;
    return {length, false};  // SYS_WRITE returns the number of bytes that were not written
  }
  const auto stream = handle == kErrorHandle ? SemihostingStream::error : SemihostingStream::output;
  std::array<uint8_t, kChunkBytes> chunk{};
  for (uint64_t done = 0; done < length;) {
    const auto bytes = std::span(chunk).first(std::min<uint64_t>(chunk.size(), length - done));
    if (!memory.peek(address + done, bytes)) {
      errno_ = kErrorBadAddress;
      return {length - done, false};
    }
    write_(stream, std::string_view(reinterpret_cast<const char*>(bytes.data()), bytes.size()));
    done += bytes.size();
  }
  return {};
}

SemihostingReply ConsoleSemihosting::write_string(uint64_t address, GuestMemory& memory) {
  std::string text;
  for (uint8_t character = 0; text.size() < kLongestString; text.push_back(static_cast<char>(character))) {
    if (!memory.peek(address + text.size(), std::span(&character, 1))) return fail(kErrorBadAddress);
    if (character == 0) break;
  }
  write_(SemihostingStream::output, text);
  return {};
}

SemihostingReply ConsoleSemihosting::exit_simple(uint64_t reason) {
  exit_code_ = reason == kApplicationExit ? 0 : 1;
  return {0, true};
}

}  // namespace backboard
