#include "platform/run/firmware_file.h"

#include <fmt/format.h>

#include <filesystem>

#include "platform/check/input_error.h"

namespace backboard {

std::optional<std::string> firmware_file(const std::string& name) {
  namespace fs = std::filesystem;
  std::error_code error;
  if (fs::is_regular_file(name, error)) return name;
  const fs::path program = fs::read_symlink("/proc/self/exe", error);
  const std::string last = fs::path(name).filename().string();
  if (!error && !last.empty()) {
    fs::path built = program.parent_path() / "firmware" / last;
    if (built.extension() != ".elf") built += ".elf";
    if (fs::is_regular_file(built, error)) return built.string();
  }
  return std::nullopt;
}

std::string missing_firmware(const std::string& name) {
  const std::string last = std::filesystem::path(name).filename().string();
  return fmt::format("{}: no such file, and no firmware '{}' beside the program", name, last);
}

std::string find_firmware(const std::string& name) {
  if (auto file = firmware_file(name)) return *file;
  throw InputError("firmware " + missing_firmware(name));
}

}  // namespace backboard
