#include "platform/semihosting/guest_files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "platform/check/input_error.h"

namespace backboard {
namespace {

constexpr mode_t kPermissions = 0644;

/// A descriptor that is closed with its owner.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  ~Descriptor() {
    if (number_ >= 0) ::close(number_);
  }
  Descriptor(Descriptor&& other) noexcept : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  int number() const { return number_; }
  int release() { return std::exchange(number_, -1); }

 private:
  int number_ = -1;
};

}  // namespace

/// The folder that holds a name, and the name's last part.
struct GuestFiles::Place {
  Descriptor folder;
  std::string last;
};

GuestFiles::GuestFiles(const std::string& folder) : folder_(::open(folder.c_str(), O_PATH | O_DIRECTORY | O_CLOEXEC)) {
  files_.fill(-1);
  if (folder_ < 0) throw InputError(fmt::format("--semihosting-dir {}: {}", folder, std::strerror(errno)));
}

GuestFiles::~GuestFiles() {
  for (const int file : files_) {
    if (file >= 0) ::close(file);
  }
  ::close(folder_);
}

FileResult<GuestFiles::Place> GuestFiles::find(std::string_view name) const {
  FileResult<Place> result;
  const auto fail = [](int error) {
    FileResult<Place> failed;
    failed.error = error;
    return failed;
  };
  if (name.empty() || name.size() > kMaxNameBytes || name.find('\0') != std::string_view::npos) return fail(EINVAL);
  if (name.front() == '/') return fail(EACCES);
  result.value.folder = Descriptor(::fcntl(folder_, F_DUPFD_CLOEXEC, 0));
  if (result.value.folder.number() < 0) return fail(errno);
  while (!name.empty()) {
    const size_t end = std::min(name.find('/'), name.size());
    const std::string part(name.substr(0, end));
    name.remove_prefix(std::min(end + 1, name.size()));
    if (part.empty() || part == ".") continue;
    if (part == "..") return fail(EACCES);
    if (!result.value.last.empty()) {  // what stood before it is a folder
      const int next = ::openat(result.value.folder.number(), result.value.last.c_str(),
                                O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
      if (next < 0) return fail(errno);
      result.value.folder = Descriptor(next);
    }
    result.value.last = part;
  }
  return result.value.last.empty() ? fail(EISDIR) : std::move(result);
}

FileResult<size_t> GuestFiles::open(std::string_view name, const FileMode& mode) {
  const auto free = std::find(files_.begin(), files_.end(), -1);
  if (free == files_.end()) return {0, EMFILE};
  const FileResult<Place> place = find(name);
  if (place.error != 0) return {0, place.error};
  const bool makes = mode.create || mode.append;
  struct stat status {};
  const bool there =
      ::fstatat(place.value.folder.number(), place.value.last.c_str(), &status, AT_SYMLINK_NOFOLLOW) == 0;
  if (makes && !there && created_ >= kMaxCreated) return {0, ENOSPC};
  // Without O_NONBLOCK opening a named pipe would wait for its other end. Truncation waits until it is known to be a
  // file.
  int flags = O_NOFOLLOW | O_CLOEXEC | O_NOCTTY | O_NONBLOCK;
  flags |= mode.read && mode.write ? O_RDWR : mode.write ? O_WRONLY : O_RDONLY;
  if (makes) flags |= O_CREAT;
  if (mode.append) flags |= O_APPEND;
  Descriptor file(::openat(place.value.folder.number(), place.value.last.c_str(), flags, kPermissions));
  if (file.number() < 0 || ::fstat(file.number(), &status) != 0) return {0, errno};
  if (!S_ISREG(status.st_mode)) return {0, EACCES};
  if (mode.create && ::ftruncate(file.number(), 0) != 0) return {0, errno};
  created_ += makes && !there;
  *free = file.release();
  return {static_cast<size_t>(free - files_.begin()), 0};
}

int GuestFiles::close(size_t handle) {
  if (descriptor_of(handle) < 0) return EBADF;
  return ::close(std::exchange(files_[handle], -1)) == 0 ? 0 : errno;
}

FileResult<size_t> GuestFiles::read(size_t handle, std::span<uint8_t> bytes) {
  const ssize_t count = ::read(descriptor_of(handle), bytes.data(), bytes.size());
  return count < 0 ? FileResult<size_t>{0, errno} : FileResult<size_t>{static_cast<size_t>(count), 0};
}

FileResult<size_t> GuestFiles::write(size_t handle, std::span<const uint8_t> bytes) {
  const int file = descriptor_of(handle);
  const int flags = ::fcntl(file, F_GETFL);
  if (flags < 0) return {0, EBADF};
  const off_t at = ::lseek(file, 0, (flags & O_APPEND) != 0 ? SEEK_END : SEEK_CUR);
  if (at < 0) return {0, errno};
  if (static_cast<uint64_t>(at) + bytes.size() > kMaxFileBytes) return {0, EFBIG};
  const ssize_t count = ::write(file, bytes.data(), bytes.size());
  return count < 0 ? FileResult<size_t>{0, errno} : FileResult<size_t>{static_cast<size_t>(count), 0};
}

int GuestFiles::seek(size_t handle, uint64_t offset) {
  if (offset > kMaxFileBytes) return EINVAL;
  return ::lseek(descriptor_of(handle), static_cast<off_t>(offset), SEEK_SET) < 0 ? errno : 0;
}

FileResult<uint64_t> GuestFiles::length(size_t handle) {
  struct stat status {};
  if (::fstat(descriptor_of(handle), &status) != 0) return {0, errno};
  return {static_cast<uint64_t>(status.st_size), 0};
}

int GuestFiles::remove(std::string_view name) {
  const FileResult<Place> place = find(name);
  if (place.error != 0) return place.error;
  return ::unlinkat(place.value.folder.number(), place.value.last.c_str(), 0) == 0 ? 0 : errno;
}

int GuestFiles::rename(std::string_view from, std::string_view to) {
  const FileResult<Place> source = find(from);
  if (source.error != 0) return source.error;
  const FileResult<Place> target = find(to);
  if (target.error != 0) return target.error;
  const int failed = ::renameat(source.value.folder.number(), source.value.last.c_str(), target.value.folder.number(),
                                target.value.last.c_str());
  return failed == 0 ? 0 : errno;
}

size_t GuestFiles::open_files() const {
  return static_cast<size_t>(std::count_if(files_.begin(), files_.end(), [](int file) { return file >= 0; }));
}

}  // namespace backboard
