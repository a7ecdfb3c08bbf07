#include "platform/flash/flash_array.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <vector>

#include "platform/check/check.h"

namespace backboard {
namespace {

InputError file_error(const std::string& file, const char* what) {
  return InputError(fmt::format("{}: flash: {}: {}", file, what, strerror(errno)));
}

}  // namespace

FlashArray::FlashArray(uint64_t size_bytes, std::string file) : file_(std::move(file)), cells_("flash", size_bytes) {
  if (!file_.empty()) open_file();
}

FlashArray::~FlashArray() {
  if (descriptor_ >= 0) close(descriptor_);
}

void FlashArray::open_file() {
  descriptor_ = open(file_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
  if (descriptor_ < 0) throw file_error(file_, "cannot be opened for reading and writing");
  struct stat info {};
  if (fstat(descriptor_, &info) != 0) throw file_error(file_, "cannot be read");
  if (!S_ISREG(info.st_mode)) throw InputError(fmt::format("{}: flash: not a regular file", file_));
  file_bytes_ = static_cast<uint64_t>(info.st_size);
  if (file_bytes_ > size_bytes()) {
    throw InputError(fmt::format("{}: flash: the file has {} bytes, the flash {}", file_, file_bytes_, size_bytes()));
  }
  std::vector<uint8_t> piece(1 << 16);
  for (uint64_t offset = 0; offset < file_bytes_;) {
    const ssize_t got = pread(descriptor_, piece.data(), piece.size(), static_cast<off_t>(offset));
    if (got <= 0) throw file_error(file_, "cannot be read");
    const uint64_t count = std::min(static_cast<uint64_t>(got), file_bytes_ - offset);
    for (uint64_t i = 0; i < count; ++i) {
      if (piece[i] != 0xFF) cells_.bytes()[offset + i] = static_cast<uint8_t>(~piece[i]);
    }
    offset += count;
  }
}

/// Brings [offset, offset + count) of the file up to the cells, and what the file lacked before it.
void FlashArray::write_back(uint64_t offset, uint64_t count) {
  if (descriptor_ < 0 || count == 0) return;
  const uint64_t first = std::min(offset, file_bytes_);
  const uint64_t end = offset + count;
  std::vector<uint8_t> bytes(end - first);
  read(first, bytes);
  for (uint64_t done = 0; done < bytes.size();) {
    const ssize_t put = pwrite(descriptor_, bytes.data() + done, bytes.size() - done, static_cast<off_t>(first + done));
    if (put <= 0) throw file_error(file_, "cannot be written");
    done += static_cast<uint64_t>(put);
  }
  file_bytes_ = std::max(file_bytes_, end);
}

void FlashArray::read(uint64_t offset, std::span<uint8_t> bytes) const {
  BB_CHECK(covers(offset, bytes.size()), "{:#x} + {}", offset, bytes.size());
  const uint8_t* cells = cells_.bytes() + offset;
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<uint8_t>(~cells[i]);
}

void FlashArray::program(uint64_t offset, std::span<const uint8_t> bytes) {
  BB_CHECK(covers(offset, bytes.size()), "{:#x} + {}", offset, bytes.size());
  uint8_t* cells = cells_.bytes() + offset;
  for (size_t i = 0; i < bytes.size(); ++i) cells[i] = static_cast<uint8_t>(cells[i] | ~bytes[i]);
  write_back(offset, bytes.size());
}

void FlashArray::erase(uint64_t offset, uint64_t count) {
  BB_CHECK(covers(offset, count), "{:#x} + {}", offset, count);
  std::memset(cells_.bytes() + offset, 0, count);
  write_back(offset, count);
}

void FlashArray::overwrite(uint64_t offset, std::span<const uint8_t> bytes) {
  BB_CHECK(covers(offset, bytes.size()), "{:#x} + {}", offset, bytes.size());
  uint8_t* cells = cells_.bytes() + offset;
  for (size_t i = 0; i < bytes.size(); ++i) cells[i] = static_cast<uint8_t>(~bytes[i]);
  write_back(offset, bytes.size());
}

void FlashArray::state(StateArchive& archive) {
  cells_.state(archive);
  if (!archive.reading() || descriptor_ < 0) return;
  uint64_t end = size_bytes();
  while (end > file_bytes_ && cells_.bytes()[end - 1] == 0) --end;
  write_back(0, end);
}

}  // namespace backboard
