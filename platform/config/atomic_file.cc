#include "platform/config/atomic_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>

#include "platform/check/input_error.h"

namespace backboard {

void write_file_atomically(const std::string& path, std::span<const uint8_t> bytes) {
  const std::filesystem::path target(path);
  std::error_code error;
  if (target.has_parent_path()) std::filesystem::create_directories(target.parent_path(), error);
  const std::string temporary = fmt::format("{}.{}.part", path, getpid());
  const auto fail = [&](int number) {
    std::remove(temporary.c_str());
    throw InputError(fmt::format("{}: cannot be written: {}", path, std::strerror(number)));
  };
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (!file) fail(errno);
  const bool written = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const int write_error = errno;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) fail(written ? errno : write_error);
  if (std::rename(temporary.c_str(), path.c_str()) != 0) fail(errno);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace backboard
