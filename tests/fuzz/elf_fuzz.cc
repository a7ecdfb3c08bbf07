// The ELF reader: any bytes end in an ElfFile or an InputError.
#include <cstring>

#include "platform/check/input_error.h"
#include "platform/elf/elf_file.h"
#include "tests/fuzz/fuzz_target.h"

namespace {

// A small but whole RV32 executable: one segment, one section of symbols with its strings.
std::vector<uint8_t> small_elf() {
  std::vector<uint8_t> file(0x200, 0);
  const auto u16 = [&](size_t at, uint16_t v) { std::memcpy(&file[at], &v, 2); };
  const auto u32 = [&](size_t at, uint32_t v) { std::memcpy(&file[at], &v, 4); };
  const uint8_t ident[] = {0x7f, 'E', 'L', 'F', 1, 1, 1};
  std::memcpy(file.data(), ident, sizeof ident);
  u16(16, 2), u16(18, 243), u32(20, 1), u32(24, 0x80000000);
  u32(28, 52), u32(32, 0x100), u16(40, 52), u16(42, 32), u16(44, 1), u16(46, 40), u16(48, 3), u16(50, 0);
  u32(52, 1), u32(56, 0xa0), u32(60, 0x80000000), u32(64, 0x80000000), u32(68, 16), u32(72, 32), u32(76, 7);  // PT_LOAD
  u32(0xa0, 0x00100073);                                                                                      // ebreak
  std::memcpy(&file[0xc1], "tohost", 6);                                                                      // strings
  u32(0xe0, 1), u32(0xe4, 0x80000008), u32(0xe8, 4), file[0xec] = 0x11, u16(0xee, 0xfff1);                    // symbol
  u32(0x128 + 4, 2), u32(0x128 + 16, 0xd0), u32(0x128 + 20, 32), u32(0x128 + 24, 2), u32(0x128 + 36, 16);     // .symtab
  u32(0x150 + 4, 3), u32(0x150 + 16, 0xc0), u32(0x150 + 20, 8);                                               // .strtab
  return file;
}

}  // namespace

std::vector<std::vector<uint8_t>> fuzz_seeds() {
  return {small_elf()};
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  try {
    const backboard::ElfFile elf = backboard::ElfFile::parse({data, data + size}, "fuzz.elf");
    static_cast<void>(elf.symbol("tohost"));
    static_cast<void>(elf.function_at(elf.entry()));
  } catch (const backboard::InputError&) {
  }
  return 0;
}
