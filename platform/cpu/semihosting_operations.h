// Numbers of the semihosting interface, shared by the files that implement it.
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <string>

#include "platform/cpu/semihosting.h"

namespace backboard {
namespace semihosting {

enum Operation : uint64_t {
  kOpen = 0x01,
  kClose = 0x02,
  kWriteC = 0x03,
  kWrite0 = 0x04,
  kWrite = 0x05,
  kRead = 0x06,
  kIsError = 0x08,
  kIsTty = 0x09,
  kSeek = 0x0a,
  kFlen = 0x0c,
  kRemove = 0x0e,
  kRename = 0x0f,
  kClock = 0x10,
  kTime = 0x11,
  kSystem = 0x12,
  kErrno = 0x13,
  kGetCmdline = 0x15,
  kExit = 0x18,
  kExitExtended = 0x20,
  kElapsed = 0x30,
  kTickFreq = 0x31,
};

inline constexpr uint64_t kFailed = UINT64_MAX;
inline constexpr uint64_t kErrorNotPermitted = 1;  // EPERM
inline constexpr uint64_t kErrorBadFile = 9;       // EBADF
inline constexpr uint64_t kErrorBadAddress = 14;   // EFAULT
inline constexpr uint64_t kErrorBadArgument = 22;  // EINVAL
inline constexpr uint64_t kErrorNotModelled = 38;  // ENOSYS
inline constexpr uint64_t kInputHandle = 0, kOutputHandle = 1, kErrorHandle = 2;
inline constexpr uint64_t kFirstFile = 3;
inline constexpr uint64_t kFeaturesHandle = kFirstFile + GuestFiles::kMaxOpen;
inline constexpr size_t kChunkBytes = 4096;

}  // namespace semihosting

/// The words that a1 points to.
struct Semihosting::Arguments {
  bool readable = false;
  std::array<uint64_t, 4> words{};

  Arguments(uint64_t address, unsigned count, unsigned word_bytes, GuestMemory& memory) {
    std::array<uint8_t, 32> bytes{};
    readable = memory.peek(address, std::span(bytes).first(count * word_bytes));
    for (unsigned i = 0; i < count; ++i) std::memcpy(&words[i], bytes.data() + i * word_bytes, word_bytes);
  }
};

/// A name in guest memory: bounded, and read whole or not at all.
struct Semihosting::Text {
  bool readable = false;
  std::string text;

  Text(uint64_t address, uint64_t size_bytes, GuestMemory& memory) {
    if (size_bytes > GuestFiles::kMaxNameBytes) return;
    text.resize(size_bytes);
    readable = memory.peek(address, std::span(reinterpret_cast<uint8_t*>(text.data()), text.size()));
  }
};

}  // namespace backboard
