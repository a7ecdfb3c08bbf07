// Semihosting calls that have to do with handles: the console's and those of files.
#include <fmt/format.h>

#include <algorithm>

#include "platform/cpu/semihosting_operations.h"

namespace backboard {

using namespace semihosting;

namespace {

// Magic and the byte whose bits say: SYS_EXIT_EXTENDED is there, and stderr apart from stdout.
constexpr uint8_t kFeatures[] = {'S', 'H', 'F', 'B', 3};

/// Modes 0 to 11: r, rb, r+, r+b, w, wb, w+, w+b, a, ab, a+, a+b.
FileMode file_mode(uint64_t mode) {
  const bool update = (mode & 2) != 0;
  FileMode result;
  result.read = mode < 4 || update;
  result.write = mode >= 4 || update;
  result.create = mode >= 4 && mode < 8;
  result.append = mode >= 8;
  return result;
}

constexpr uint64_t kModes = 12;

}  // namespace

SemihostingReply Semihosting::open(const Arguments& arguments, GuestMemory& memory) {
  const Text name(arguments.words[0], arguments.words[2], memory);
  if (!name.readable) return fail(kErrorBadAddress);
  const uint64_t mode = arguments.words[1];
  if (mode >= kModes) return fail(kErrorBadArgument);
  if (name.text == ":tt") return {mode < 4 ? kInputHandle : mode < 8 ? kOutputHandle : kErrorHandle, false};
  if (name.text == ":semihosting-features") {
    if (mode >= 2) return fail(kErrorNotPermitted);
    features_at_ = 0;
    return {kFeaturesHandle, false};
  }
  return open_file(name.text, mode);
}

SemihostingReply Semihosting::open_file(const std::string& name, uint64_t mode) {
  if (!files_) {
    refuse(kOpen, fmt::format("SYS_OPEN of '{}': no folder for files was named (--semihosting-dir)", name));
    return fail(kErrorNotPermitted);
  }
  const FileResult<size_t> opened = files_->open(name, file_mode(mode));
  return opened.error == 0 ? SemihostingReply{kFirstFile + opened.value, false} : file_error(opened.error);
}

/// Nothing when `operation` is none of these.
std::optional<SemihostingReply> Semihosting::call_file(uint64_t operation, const Arguments& arguments,
                                                       GuestMemory& memory) {
  const uint64_t first = arguments.words[0];
  const bool console = first <= kErrorHandle;
  const bool features = first == kFeaturesHandle && features_at_.has_value();
  const bool handle_is_ours = console || features || (files_ && first < kFeaturesHandle);
  switch (operation) {
    case kClose:
    case kIsTty:
    case kSeek:
    case kFlen:
      if (!arguments.readable) return fail(kErrorBadAddress);
      if (!handle_is_ours) return fail(kErrorBadFile);
      break;
    case kOpen:
    case kRead:
    case kWrite:
    case kRemove:
    case kRename:
    case kGetCmdline:
      if (!arguments.readable) return fail(kErrorBadAddress);
      break;
    default:
      return std::nullopt;
  }
  const size_t file = first - kFirstFile;
  switch (operation) {
    case kOpen:
      return open(arguments, memory);
    case kRead:
      return read_file(arguments, memory);
    case kWrite:
      return console || !files_ ? write_handle(arguments, memory) : write_file(arguments, memory);
    case kClose:
      if (features) features_at_.reset();
      return console || features ? SemihostingReply{} : file_error(files_->close(file));
    case kIsTty:
      if (!console && !features && files_->length(file).error != 0) return fail(kErrorBadFile);
      return SemihostingReply{console ? 1u : 0u, false};
    case kSeek:
      if (features) features_at_ = arguments.words[1];
      return console || features ? SemihostingReply{} : file_error(files_->seek(file, arguments.words[1]));
    case kFlen: {
      if (console || features) return SemihostingReply{console ? 0u : sizeof kFeatures, false};
      const FileResult<uint64_t> length = files_->length(file);
      return length.error == 0 ? SemihostingReply{length.value, false} : file_error(length.error);
    }
    case kGetCmdline: {
      if (arguments.words[1] == 0) return fail(kErrorBadArgument);
      const uint8_t end = 0;
      return memory.poke(first, std::span(&end, 1)) ? SemihostingReply{} : fail(kErrorBadAddress);
    }
    default:
      break;
  }
  if (!files_) {
    refuse(operation, "no folder for files was named (--semihosting-dir)");
    return fail(kErrorNotPermitted);
  }
  const bool renames = operation == kRename;
  const Text name(first, arguments.words[1], memory);
  const Text other(arguments.words[2], renames ? arguments.words[3] : 0, memory);
  if (!name.readable || (renames && !other.readable)) return fail(kErrorBadAddress);
  return file_error(renames ? files_->rename(name.text, other.text) : files_->remove(name.text));
}

/// SYS_READ returns the number of bytes that were not read: all of them at the end of the file.
SemihostingReply Semihosting::read_file(const Arguments& arguments, GuestMemory& memory) {
  const auto [handle, address, length, unused] = arguments.words;
  if (handle <= kErrorHandle) return {length, false};
  const bool features = handle == kFeaturesHandle && features_at_;
  if (!features && !files_) return fail(kErrorBadFile);
  std::array<uint8_t, kChunkBytes> chunk;
  for (uint64_t done = 0; done < length;) {
    const auto bytes = std::span(chunk).first(std::min<uint64_t>(chunk.size(), length - done));
    FileResult<size_t> got;
    if (features) {
      while (got.value < bytes.size() && *features_at_ < sizeof kFeatures)
        bytes[got.value++] = kFeatures[(*features_at_)++];
    } else {
      got = files_->read(handle - kFirstFile, bytes);
    }
    if (got.error != 0) return file_error(got.error);
    if (got.value != 0 && !memory.poke(address + done, bytes.first(got.value))) return fail(kErrorBadAddress);
    done += got.value;
    if (got.value < bytes.size()) return {length - done, false};
  }
  return {};
}

/// SYS_WRITE returns the number of bytes that were not written.
SemihostingReply Semihosting::write_file(const Arguments& arguments, GuestMemory& memory) {
  const auto [handle, address, length, unused] = arguments.words;
  std::array<uint8_t, kChunkBytes> chunk;
  for (uint64_t done = 0; done < length;) {
    const auto bytes = std::span(chunk).first(std::min<uint64_t>(chunk.size(), length - done));
    if (!memory.peek(address + done, bytes)) {
      errno_ = kErrorBadAddress;
      return {length - done, false};
    }
    const FileResult<size_t> put = files_->write(handle - kFirstFile, bytes);
    done += put.value;
    if (put.error == 0 && put.value == bytes.size()) continue;
    errno_ = static_cast<uint64_t>(put.error);
    return {length - done, false};
  }
  return {};
}

}  // namespace backboard
