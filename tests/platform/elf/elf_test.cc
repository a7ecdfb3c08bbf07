// The ELF reader: what it takes from good files and how it refuses all others.
#include <unistd.h>
#include <catch2/catch.hpp>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>

#include "platform/check/input_error.h"
#include "platform/elf/elf_file.h"
#include "platform/elf/lines.h"
#include "tests/support/elf_writer.h"

using namespace backboard;
using test::make_elf;

namespace {

constexpr uint64_t kBase = 0x80000000;
const std::vector<uint8_t> kCode(16, 0x13);

std::string error_of(const std::vector<uint8_t>& file) {
  try {
    ElfFile::parse(file, "x.elf");
  } catch (const InputError& error) {
    return error.what();
  }
  return "";
}

std::vector<uint8_t> changed(size_t offset, uint8_t value) {
  auto file = make_elf(false, kCode, kBase);
  file.at(offset) = value;
  return file;
}

}  // namespace

TEST_CASE("Segments, entry, class and symbols come out of both classes") {
  for (const bool wide : {false, true}) {
    const ElfFile elf = ElfFile::parse(make_elf(wide, kCode, kBase), "x.elf");
    CHECK(elf.width_bits() == (wide ? 64 : 32));
    CHECK(elf.entry() == kBase);
    REQUIRE(elf.segments().size() == 2);
    CHECK(elf.segments()[0].physical_address == kBase);
    CHECK(elf.segments()[0].bytes == kCode);
    CHECK(elf.segments()[0].executable);
    CHECK(!elf.segments()[0].writable);
    CHECK(elf.segments()[1].bytes == std::vector<uint8_t>{0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11});
    CHECK(elf.segments()[1].memory_bytes == 32);
    CHECK(elf.symbol("tohost") == kBase + 0x1000);
    CHECK(elf.symbol("main") == kBase);
    CHECK(!elf.symbol("begin_signature"));
    REQUIRE(elf.functions().size() == 2);
    CHECK(elf.function_at(kBase + 4)->name == "main");
    CHECK(elf.function_at(kBase + 12)->name == "spin");  // a label has no size
    CHECK(elf.function_at(kBase - 4) == nullptr);
  }
}

TEST_CASE("Foreign files are refused with the offset of what is wrong") {
  CHECK(error_of({}).find("x.elf: offset 0x0: ") == 0);
  CHECK(error_of(changed(1, 'X')).find("offset 0x0: not an ELF file") != std::string::npos);
  CHECK(error_of(changed(4, 3)).find("offset 0x4: neither") != std::string::npos);
  CHECK(error_of(changed(5, 2)).find("offset 0x5: not little-endian") != std::string::npos);
  CHECK(error_of(changed(16, 1)).find("not an executable") != std::string::npos);
  CHECK(error_of(changed(16, 3)).find("position-independent") != std::string::npos);
  CHECK(error_of(changed(18, 62)).find("offset 0x12: machine 62 is not RISC-V") != std::string::npos);
  CHECK(error_of(changed(44, 0)).find("nothing to load") != std::string::npos);
}

TEST_CASE("Segments that leave the file, wrap or overlap are refused") {
  // Program header 0 lies at 52: offset +4, physical address +12, file size +16, memory size +20.
  CHECK(error_of(changed(52 + 4 + 2, 1)).find("leaves the file") != std::string::npos);
  CHECK(error_of(changed(52 + 16, 17)).find("more bytes in the file than in memory") != std::string::npos);
  CHECK(error_of(changed(52 + 20 + 3, 0xff)).find("wraps around") != std::string::npos);
  CHECK(error_of(changed(52 + 20 + 1, 0x20)).find("overlap at 0x80001000") != std::string::npos);
}

TEST_CASE("A missing file is bad input") {
  CHECK_THROWS_AS(ElfFile::load("/nonexistent/x.elf"), InputError);
}

TEST_CASE("Every truncation is refused or loads whole segments, and never crashes") {
  for (const bool wide : {false, true}) {
    const auto file = make_elf(wide, kCode, kBase);
    for (size_t length = 0; length < file.size(); ++length) {
      const std::vector<uint8_t> cut(file.begin(), file.begin() + static_cast<std::ptrdiff_t>(length));
      CHECK(!error_of(cut).empty());  // the section headers are last: any cut loses some of them
    }
  }
}

TEST_CASE("Random mutations end in an error or in segments that the file can hold, and never crash") {
  std::mt19937 random(11);
  unsigned refused = 0;
  for (unsigned round = 0; round < 200'000; ++round) {
    auto file = make_elf(round & 1, kCode, kBase);
    const unsigned changes = 1 + random() % 4;
    for (unsigned i = 0; i < changes; ++i) {
      constexpr uint8_t kEdges[] = {0x00, 0xff, 0x7f, 0x80, 0x01};
      file[random() % file.size()] = random() % 2 ? kEdges[random() % 5] : static_cast<uint8_t>(random());
    }
    if (random() % 8 == 0) file.resize(random() % file.size());
    try {
      const ElfFile elf = ElfFile::parse(file, "x.elf");
      for (const ElfSegment& segment : elf.segments()) REQUIRE(segment.bytes.size() <= file.size());
      static_cast<void>(elf.function_at(kBase + 4));
    } catch (const InputError&) {
      ++refused;
    }
  }
  CHECK(refused > 10'000);
}

TEST_CASE("Line numbers come out of DWARF, and a file without any answers nothing") {
  const auto folder = std::filesystem::temp_directory_path() / ("backboard_lines_test_" + std::to_string(getpid()));
  std::filesystem::create_directories(folder);
  const auto source = folder / "lines.S", program = folder / "lines.elf";
  std::ofstream(source) << ".globl _start\n_start:\n  addi x1, x0, 1\n  addi x2, x0, 2\n";
  const std::string command = "riscv64-unknown-elf-gcc -g -march=rv32i -mabi=ilp32 -nostdlib -Wl,-Ttext=0x80000000 " +
                              source.string() + " -o " + program.string();
  REQUIRE(std::system(command.c_str()) == 0);
  const ElfFile elf = ElfFile::load(program.string());
  CHECK(elf.entry() == kBase);
  const SourceLines lines(program.string());
  const auto first = lines.at(kBase), second = lines.at(kBase + 4);
  REQUIRE(first);
  REQUIRE(second);
  CHECK(first->line == 3);
  CHECK(second->line == 4);
  CHECK(first->file.find("lines.S") != std::string::npos);
  CHECK(!lines.at(0x1000));
  std::filesystem::remove_all(folder);
  CHECK(!SourceLines(program.string()).at(kBase));
}
