// Bare-metal RISC-V programs as ELF files: a bounds-checked reader of 32- and 64-bit little-endian executables.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace backboard {

/// One loadable segment. `bytes` go to `physical_address`; the rest up to `memory_bytes` is zero.
struct ElfSegment {
  uint64_t physical_address = 0;
  uint64_t virtual_address = 0;
  uint64_t memory_bytes = 0;
  bool readable = false, writable = false, executable = false;
  std::vector<uint8_t> bytes;
};

struct ElfSymbol {
  std::string name;
  uint64_t address = 0;
  uint64_t size_bytes = 0;
  bool function = false;
};

/// An executable, read and validated whole. Source: System V ABI (gABI), "Object Files"; RISC-V ELF psABI.
class ElfFile {
 public:
  /// Reads `path`. Throws InputError (with the offset of what is wrong) for files that are missing, truncated, not
  /// ELF, big-endian, of another machine, not executable, or whose tables or segments leave the file or overlap.
  static ElfFile load(const std::string& path);
  /// The same for bytes in memory; `origin` names them in errors.
  static ElfFile parse(const std::vector<uint8_t>& file, const std::string& origin);

  unsigned width_bits() const { return width_bits_; }  ///< 32 or 64: the ELF class
  uint64_t entry() const { return entry_; }
  const std::vector<ElfSegment>& segments() const { return segments_; }

  /// Address of a symbol: tohost, fromhost, begin_signature, end_signature, ...
  std::optional<uint64_t> symbol(std::string_view name) const;
  /// The function that contains `pc`, or the nearest sized or label symbol of code before it; nullptr if none.
  const ElfSymbol* function_at(uint64_t pc) const;
  const std::vector<ElfSymbol>& functions() const { return functions_; }  ///< by address

 private:
  friend class ElfParser;
  unsigned width_bits_ = 0;
  uint64_t entry_ = 0;
  std::vector<ElfSegment> segments_;
  std::vector<ElfSymbol> symbols_;    ///< by name
  std::vector<ElfSymbol> functions_;  ///< by address
};

}  // namespace backboard
