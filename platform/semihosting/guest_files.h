// Files of one folder of the host, for a guest that is not trusted.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace backboard {

/// A value, or the host's errno.
template <class Value>
struct FileResult {
  Value value{};
  int error = 0;
};

/// How a file is opened.
struct FileMode {
  bool read = false;
  bool write = false;
  bool create = false;  ///< and make it empty if it is there
  bool append = false;  ///< create if need be, and write at its end
};

/// Everything below one folder, and nothing else, whatever the guest asks for: names are relative, hold no `..` and
/// lead through no symbolic link; what is opened is a plain file. Every step of a name is resolved from the folder
/// before it, so that a link that appears meanwhile is met too. Files, their sizes and their number are bounded.
class GuestFiles {
 public:
  static constexpr size_t kMaxOpen = 64;
  static constexpr uint64_t kMaxFileBytes = uint64_t{1} << 30;
  static constexpr uint64_t kMaxCreated = 4096;  ///< files that one run may make
  static constexpr size_t kMaxNameBytes = 1024;

  /// Throws InputError when `folder` is none.
  explicit GuestFiles(const std::string& folder);
  ~GuestFiles();
  GuestFiles(const GuestFiles&) = delete;
  GuestFiles& operator=(const GuestFiles&) = delete;

  /// A handle from 0 to kMaxOpen - 1.
  FileResult<size_t> open(std::string_view name, const FileMode& mode);
  int close(size_t handle);
  /// The number of bytes moved; 0 at the end of the file.
  FileResult<size_t> read(size_t handle, std::span<uint8_t> bytes);
  FileResult<size_t> write(size_t handle, std::span<const uint8_t> bytes);
  int seek(size_t handle, uint64_t offset);
  FileResult<uint64_t> length(size_t handle);
  int remove(std::string_view name);
  int rename(std::string_view from, std::string_view to);

  size_t open_files() const;

 private:
  struct Place;
  FileResult<Place> find(std::string_view name) const;
  int descriptor_of(size_t handle) const { return handle < kMaxOpen ? files_[handle] : -1; }

  int folder_ = -1;
  std::array<int, kMaxOpen> files_;
  uint64_t created_ = 0;
};

}  // namespace backboard
