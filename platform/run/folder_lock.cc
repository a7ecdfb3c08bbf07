#include "platform/run/folder_lock.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>

#include "platform/check/input_error.h"

namespace backboard {

FolderLock::FolderLock(const std::string& folder) {
  std::error_code error;
  std::filesystem::create_directories(folder, error);
  if (error) throw InputError(fmt::format("{}: cannot be made a folder: {}", folder, error.message()));
  descriptor_ = open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (descriptor_ < 0) throw InputError(fmt::format("{}: cannot open the folder: {}", folder, std::strerror(errno)));
  if (flock(descriptor_, LOCK_EX | LOCK_NB) != 0 && errno == EWOULDBLOCK) {
    close(descriptor_);
    throw InputError(fmt::format("{}: another run, experiment or search works in this folder", folder));
  }
}

FolderLock::~FolderLock() {
  close(descriptor_);
}

}  // namespace backboard
