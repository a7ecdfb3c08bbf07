#include "platform/regs/writers.h"

#include <array>
#include <catch2/catch.hpp>

#include "tests/platform/regs/test_blocks.h"

using namespace backboard;

namespace {
const std::array kBlocks{PlacedBlock{&wide::kBlock, 0x1000'0000, 0x1000},
                         PlacedBlock{&uart_like::kBlock, 0x2000'0000, 8}};

size_t count_of(const std::string& text, const std::string& what) {
  size_t count = 0;
  for (size_t at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++count;
  return count;
}
}  // namespace

TEST_CASE("Markdown has a row for each register and field") {
  const std::string text = registers_as_markdown(kBlocks);
  CHECK(text.find("## wide: All accesses & more\n\nBase 0x10000000, 0x1000 bytes.\n") == 0);
  CHECK(text.find("| 0x004 | `W_RW` | RW | 0x80000000 | Read and write |\n"
                  "| | bits 3:0 | | | `W_RW_LOW`: Low bits |\n") != std::string::npos);
  CHECK(text.find("| 0x100 + 0x8 n, n < 3 | `W_ARRAY`") != std::string::npos);
  CHECK(text.find("Divisor, low (8 bits) (bank 1)") != std::string::npos);
}

TEST_CASE("the C header defines offsets, bits and bases") {
  const std::string text = registers_as_c_header(kBlocks);
  CHECK(text.find("#define WIDE_BASE 0x10000000u\n") != std::string::npos);
  CHECK(text.find("#define W_RW_OFFSET 0x4u /* RW: Read and write */\n") != std::string::npos);
  CHECK(text.find("#define W_RW_HIGH_LSB 8u") != std::string::npos);
  CHECK(text.find("#define W_RW_HIGH_WIDTH 8u\n#define W_RW_HIGH_MASK 0xff00u\n") != std::string::npos);
  CHECK(text.find("#define W_ARRAY_COUNT 3u\n#define W_ARRAY_STRIDE 0x8u\n") != std::string::npos);
}

TEST_CASE("SVD names every register once and escapes descriptions") {
  const std::string text = registers_as_svd(kBlocks);
  CHECK(text.find("All accesses &amp; more") != std::string::npos);
  CHECK(count_of(text, "<register>") == wide::kBlock.registers.size() + uart_like::kBlock.registers.size());
  CHECK(count_of(text, "</register>") == count_of(text, "<register>"));
  CHECK(count_of(text, "<field>") == wide::kFields.size() + uart_like::kFields.size());
  CHECK(text.find("<alternateRegister>T_RBR</alternateRegister>") != std::string::npos);
  CHECK(count_of(text, "<alternateGroup>BANK1</alternateGroup>") == 2);
  CHECK(text.find("<dim>3</dim>") != std::string::npos);
  CHECK(text.find("<modifiedWriteValues>oneToClear</modifiedWriteValues>") != std::string::npos);
}
