#include "platform/elf/lines.h"

#include <elfutils/libdw.h>
#include <fcntl.h>
#include <unistd.h>

namespace backboard {

struct SourceLines::Impl {
  int file = -1;
  Dwarf* dwarf = nullptr;

  explicit Impl(const std::string& path) : file(open(path.c_str(), O_RDONLY | O_CLOEXEC)) {
    if (file >= 0) dwarf = dwarf_begin(file, DWARF_C_READ);
  }
  ~Impl() {
    if (dwarf) dwarf_end(dwarf);
    if (file >= 0) close(file);
  }
  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;
};

SourceLines::SourceLines(const std::string& path) : impl_(std::make_unique<Impl>(path)) {}
SourceLines::~SourceLines() = default;
SourceLines::SourceLines(SourceLines&&) noexcept = default;
SourceLines& SourceLines::operator=(SourceLines&&) noexcept = default;

std::optional<SourceLine> SourceLines::at(uint64_t pc) const {
  if (!impl_->dwarf) return std::nullopt;
  // Unit by unit: compilers for bare metal often leave out .debug_aranges, which dwarf_addrdie would need.
  Dwarf_CU* unit = nullptr;
  Dwarf_Die die;
  while (dwarf_get_units(impl_->dwarf, unit, &unit, nullptr, nullptr, &die, nullptr) == 0) {
    if (dwarf_haspc(&die, pc) != 1) continue;
    Dwarf_Line* line = dwarf_getsrc_die(&die, pc);
    if (!line) continue;
    int number = 0;
    const char* file = dwarf_linesrc(line, nullptr, nullptr);
    if (!file || dwarf_lineno(line, &number) != 0) continue;
    return SourceLine{file, static_cast<unsigned>(number)};
  }
  return std::nullopt;
}

}  // namespace backboard
