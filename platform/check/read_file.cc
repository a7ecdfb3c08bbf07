#include "platform/check/read_file.h"

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <span>

#include "platform/check/input_error.h"

namespace backboard {
namespace {

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

InputError system_error(const std::string& path, const char* doing) {
  return InputError(fmt::format("{}: cannot {}: {}", path, doing, std::strerror(errno)));
}

// A signal that comes while a pipe is empty is neither its end nor an error.
size_t read_some(std::FILE* file, std::span<uint8_t> chunk) {
  for (;;) {
    const size_t got = std::fread(chunk.data(), 1, chunk.size(), file);
    if (std::ferror(file) == 0 || errno != EINTR) return got;
    std::clearerr(file);
    if (got != 0) return got;
  }
}

}  // namespace

std::vector<uint8_t> read_file(const std::string& path, uint64_t limit_bytes, std::string_view magic) {
  std::error_code ignored;
  if (std::filesystem::is_directory(path, ignored)) throw InputError(path + ": is a folder, not a file");
  const File file(std::fopen(path.c_str(), "rb"));
  if (!file) throw system_error(path, "open");
  // The size is only a hint: what is read counts, so that pipes work and a growing file is bounded too.
  std::vector<uint8_t> bytes;
  uint8_t chunk[1 << 16];
  while (const size_t got = read_some(file.get(), chunk)) {
    if (got > limit_bytes - bytes.size())
      throw InputError::at_offset(path, bytes.size(), fmt::format("the file has more than {} bytes", limit_bytes));
    bytes.insert(bytes.end(), chunk, chunk + got);
    if (!std::equal(magic.begin(), magic.begin() + std::min(magic.size(), bytes.size()), bytes.begin(),
                    [](char wanted, uint8_t there) { return static_cast<uint8_t>(wanted) == there; }))
      return bytes;
  }
  if (std::ferror(file.get())) throw system_error(path, "read");
  return bytes;
}

}  // namespace backboard
