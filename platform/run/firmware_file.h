// Where a firmware's ELF file is.
#pragma once

#include <string>

namespace backboard {

/// `name` itself when it is a file; else our firmware of that name (its last part), which the build puts beside the
/// program: <folder of the program>/firmware/NAME.elf. Throws InputError when there is neither.
std::string find_firmware(const std::string& name);

}  // namespace backboard
