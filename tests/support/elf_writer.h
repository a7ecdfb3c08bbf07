// A small RISC-V executable in memory, for tests of the loader: one code segment, one data segment, symbols.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace backboard::test {

/// Appends little-endian numbers.
class ByteWriter {
 public:
  void number(uint64_t value, unsigned size_bytes) {
    for (unsigned i = 0; i < size_bytes; ++i) bytes.push_back(static_cast<uint8_t>(value >> (8 * i)));
  }
  std::vector<uint8_t> bytes;
};

/// An ELF of class `wide` ? 64 : 32 with `code` at `base` and eight bytes of data (of 32 in memory) at `base` + 0x1000.
/// Symbols: function main at `base` of 8 bytes, label spin at `base` + 8, object tohost at `base` + 0x1000.
inline std::vector<uint8_t> make_elf(bool wide, const std::vector<uint8_t>& code, uint64_t base) {
  const unsigned word = wide ? 8 : 4;
  const uint64_t header_bytes = wide ? 64 : 52, program_bytes = wide ? 56 : 32, section_bytes = wide ? 64 : 40;
  const std::string names = std::string("\0main\0spin\0tohost\0", 18);
  const uint64_t code_at = header_bytes + 2 * program_bytes;
  const uint64_t data_at = code_at + code.size();
  const uint64_t symbols_at = data_at + 8;
  const uint64_t symbol_bytes = wide ? 24 : 16;
  const uint64_t names_at = symbols_at + 4 * symbol_bytes;
  const uint64_t sections_at = names_at + names.size();
  ByteWriter w;
  for (const unsigned b : {0x7fu, 0x45u, 0x4cu, 0x46u, wide ? 2u : 1u, 1u, 1u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u, 0u})
    w.number(b, 1);
  w.number(2, 2), w.number(243, 2), w.number(1, 4);
  w.number(base, word), w.number(header_bytes, word), w.number(sections_at, word);
  w.number(0, 4), w.number(header_bytes, 2), w.number(program_bytes, 2), w.number(2, 2), w.number(section_bytes, 2),
      w.number(4, 2), w.number(0, 2);
  const auto segment = [&](uint64_t offset, uint64_t address, uint64_t file_bytes, uint64_t memory_bytes,
                           uint32_t flags) {
    w.number(1, 4);
    if (wide) w.number(flags, 4);
    w.number(offset, word), w.number(address, word), w.number(address, word);
    w.number(file_bytes, word), w.number(memory_bytes, word);
    if (!wide) w.number(flags, 4);
    w.number(4, word);
  };
  segment(code_at, base, code.size(), code.size(), 5);
  segment(data_at, base + 0x1000, 8, 32, 6);
  w.bytes.insert(w.bytes.end(), code.begin(), code.end());
  w.number(0x1122334455667788, 8);
  const auto symbol = [&](uint32_t name, uint64_t address, uint64_t size_bytes, unsigned type, unsigned section) {
    w.number(name, 4);
    if (!wide) w.number(address, 4), w.number(size_bytes, 4);
    w.number(0x10 | type, 1), w.number(0, 1), w.number(section, 2);
    if (wide) w.number(address, 8), w.number(size_bytes, 8);
  };
  symbol(0, 0, 0, 0, 0);
  symbol(1, base, 8, 2, 1);
  symbol(6, base + 8, 0, 0, 1);
  symbol(11, base + 0x1000, 8, 1, 0xfff1);
  w.bytes.insert(w.bytes.end(), names.begin(), names.end());
  const auto section = [&](uint32_t type, uint64_t flags, uint64_t offset, uint64_t size_bytes, uint32_t link,
                           uint64_t entry_bytes) {
    w.number(0, 4), w.number(type, 4), w.number(flags, word), w.number(0, word), w.number(offset, word);
    w.number(size_bytes, word), w.number(link, 4), w.number(0, 4), w.number(1, word), w.number(entry_bytes, word);
  };
  section(0, 0, 0, 0, 0, 0);
  section(1, 6, code_at, code.size(), 0, 0);
  section(2, 0, symbols_at, 4 * symbol_bytes, 3, symbol_bytes);
  section(3, 0, names_at, names.size(), 0, 0);
  return w.bytes;
}

}  // namespace backboard::test
