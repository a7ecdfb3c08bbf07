// An output folder that one program at a time works in.
#pragma once

#include <string>

namespace backboard {

/// Holds `folder`, which is made where it is not there, until this process and all children that it started meanwhile
/// have ended or let go. On a file system that knows no locks (some network ones) it holds nothing. Throws InputError
/// when the folder cannot be made, or another process holds it.
class FolderLock {
 public:
  explicit FolderLock(const std::string& folder);
  ~FolderLock();
  FolderLock(const FolderLock&) = delete;
  FolderLock& operator=(const FolderLock&) = delete;

 private:
  int descriptor_ = -1;
};

}  // namespace backboard
