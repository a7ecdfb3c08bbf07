// From a program counter to file and line, through DWARF.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

namespace backboard {

struct SourceLine {
  std::string file;
  unsigned line = 0;
};

/// The line table of an ELF file, read by libdw. A file without debug information answers nothing.
class SourceLines {
 public:
  /// Opens `path`, which ElfFile has accepted.
  explicit SourceLines(const std::string& path);
  ~SourceLines();
  SourceLines(SourceLines&&) noexcept;
  SourceLines& operator=(SourceLines&&) noexcept;

  std::optional<SourceLine> at(uint64_t pc) const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace backboard
