#include "platform/cpu/semihosting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cstring>

#include "platform/cpu/semihosting_operations.h"

namespace backboard {

using namespace semihosting;

namespace {

constexpr uint64_t kApplicationExit = 0x20026;  // ADP_Stopped_ApplicationExit
constexpr uint64_t kPsPerCentisecond = 10'000'000'000;
constexpr uint64_t kPsPerSecond = 1'000'000'000'000, kPsPerTick = 1000, kTicksPerSecond = 1'000'000'000;
constexpr size_t kLongestString = 1 << 20;

/// Words of the block that a file operation's parameter points to.
unsigned words_of(uint64_t operation) {
  switch (operation) {
    case kRename:
      return 4;
    case kOpen:
    case kWrite:
    case kRead:
      return 3;
    case kSeek:
    case kRemove:
    case kGetCmdline:
      return 2;
    default:
      return 1;
  }
}

}  // namespace

SemihostingReply Semihosting::fail(uint64_t error) {
  errno_ = error;
  return {kFailed, false};
}

SemihostingReply Semihosting::call(uint64_t operation, uint64_t parameter, unsigned word_bytes, uint64_t time_ps,
                                   GuestMemory& memory) {
  switch (operation) {
    case kWriteC: {
      uint8_t character = 0;
      if (!memory.peek(parameter, std::span(&character, 1))) return fail(kErrorBadAddress);
      const auto c = static_cast<char>(character);
      write_(SemihostingStream::output, std::string_view(&c, 1));
      return {};
    }
    case kWrite0:
      return write_string(parameter, memory);
    case kIsError: {
      const Arguments arguments(parameter, 1, word_bytes, memory);
      if (!arguments.readable) return fail(kErrorBadAddress);
      return {arguments.words[0] >> (8 * word_bytes - 1) & 1, false};
    }
    case kTime:
      return {time_ps / kPsPerSecond, false};
    case kTickFreq:
      return {kTicksPerSecond, false};
    case kElapsed: {
      std::array<uint8_t, 8> ticks{};
      const uint64_t count = time_ps / kPsPerTick;
      std::memcpy(ticks.data(), &count, ticks.size());
      return memory.poke(parameter, ticks) ? SemihostingReply{} : fail(kErrorBadAddress);
    }
    case kSystem:
      refuse(operation, "SYS_SYSTEM is refused");
      return fail(kErrorNotPermitted);
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
  if (const auto reply = call_file(operation, {parameter, words_of(operation), word_bytes, memory}, memory)) {
    return *reply;
  }
  refuse(operation, fmt::format("operation {:#x} is not modelled", operation));
  return fail(kErrorNotModelled);
}

void Semihosting::refuse(uint64_t operation, const std::string& why) {
  if (reported_.insert(operation).second) report_(why + "; it returns -1");
}

SemihostingReply Semihosting::write_handle(const Arguments& arguments, GuestMemory& memory) {
  const auto [handle, address, length, unused] = arguments.words;
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

SemihostingReply Semihosting::write_string(uint64_t address, GuestMemory& memory) {
  std::string text;
  for (uint8_t character = 0; text.size() < kLongestString; text.push_back(static_cast<char>(character))) {
    if (!memory.peek(address + text.size(), std::span(&character, 1))) return fail(kErrorBadAddress);
    if (character == 0) break;
  }
  write_(SemihostingStream::output, text);
  return {};
}

SemihostingReply Semihosting::exit_simple(uint64_t reason) {
  exit_code_ = reason == kApplicationExit ? 0 : 1;
  return {0, true};
}

}  // namespace backboard
