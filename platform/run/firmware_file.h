// Where a firmware's ELF file is.
#pragma once

#include <optional>
#include <string>

namespace backboard {

/// `name` itself when it is a file; else our firmware of that name (its last part), which the build puts beside the
/// program: <folder of the program>/firmware/NAME.elf. Nothing when there is neither: `missing_firmware` says so.
std::optional<std::string> firmware_file(const std::string& name);
std::string missing_firmware(const std::string& name);
/// The same, or an InputError.
std::string find_firmware(const std::string& name);

}  // namespace backboard
