#include "platform/config/atomic_file.h"

#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <filesystem>

#include "platform/check/write_error.h"

namespace backboard {

namespace {

/// Whether `path` is there and neither a file nor a folder: a device, a pipe, a socket.
bool is_special(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_other(std::filesystem::status(path, error));
}

/// The file that `path` names, if need be through symbolic links.
std::string target_of(const std::string& path) {
  std::error_code error;
  const std::filesystem::path target = std::filesystem::canonical(path, error);
  return error ? path : target.string();
}

}  // namespace

void write_file_atomically(const std::string& path, std::span<const uint8_t> bytes) {
  const bool special = is_special(path);
  const std::string target = special ? path : target_of(path);
  const std::filesystem::path folder = std::filesystem::path(target).parent_path();
  std::error_code error;
  if (!folder.empty()) std::filesystem::create_directories(folder, error);
  // What is renamed would take the place of a device.
  const std::string temporary = special ? path : fmt::format("{}.{}.part", target, getpid());
  const auto fail = [&](int number) {
    if (!special) std::remove(temporary.c_str());
    throw write_error(path, number);
  };
  std::FILE* file = std::fopen(temporary.c_str(), "wb");
  if (!file) fail(errno);
  const bool written = bytes.empty() || std::fwrite(bytes.data(), 1, bytes.size(), file) == bytes.size();
  const int write_errno = errno;
  const bool closed = std::fclose(file) == 0;
  if (!written || !closed) fail(written ? errno : write_errno);
  if (!special && std::rename(temporary.c_str(), target.c_str()) != 0) fail(errno);
}

void write_file_atomically(const std::string& path, std::string_view text) {
  write_file_atomically(path, std::span(reinterpret_cast<const uint8_t*>(text.data()), text.size()));
}

}  // namespace backboard
