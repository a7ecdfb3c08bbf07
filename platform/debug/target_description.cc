// The XML documents that gdb asks for. Source: Debugging with GDB, sections "Target Descriptions", "RISC-V Features"
// and "Memory Map Format".
#include <fmt/format.h>

#include "platform/debug/gdb_commands.h"

namespace backboard {
namespace {

const char* const kIntegerNames[] = {"zero", "ra", "sp", "gp", "tp",  "t0",  "t1", "t2", "fp", "s1", "a0",
                                     "a1",   "a2", "a3", "a4", "a5",  "a6",  "a7", "s2", "s3", "s4", "s5",
                                     "s6",   "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6"};
const char* const kFloatNames[] = {"ft0", "ft1", "ft2", "ft3", "ft4",  "ft5",  "ft6", "ft7", "fs0",  "fs1", "fa0",
                                   "fa1", "fa2", "fa3", "fa4", "fa5",  "fa6",  "fa7", "fs2", "fs3",  "fs4", "fs5",
                                   "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8", "ft9", "ft10", "ft11"};
constexpr unsigned kFcsr = 3;

std::string register_line(const std::string& name, unsigned number, unsigned bits, const char* type) {
  return fmt::format("<reg name=\"{}\" bitsize=\"{}\" regnum=\"{}\" type=\"{}\"/>\n", name, bits, number, type);
}

}  // namespace

std::string target_description(unsigned width_bits, unsigned float_bits, const std::vector<DebugCsr>& csrs) {
  std::string xml = fmt::format(
      "<?xml version=\"1.0\"?>\n<!DOCTYPE target SYSTEM \"gdb-target.dtd\">\n"
      "<target version=\"1.0\">\n<architecture>riscv:rv{}</architecture>\n"
      "<feature name=\"org.gnu.gdb.riscv.cpu\">\n",
      width_bits);
  for (unsigned i = 0; i < 32; ++i) xml += register_line(kIntegerNames[i], i, width_bits, "int");
  xml += register_line("pc", gdb_register::kPc, width_bits, "code_ptr");
  xml += "</feature>\n<feature name=\"org.gnu.gdb.riscv.fpu\">\n";
  for (unsigned i = 0; i < 32; ++i) {
    const char* const type = float_bits == 64 ? "ieee_double" : "ieee_single";
    xml += register_line(kFloatNames[i], gdb_register::kFirstF + i, float_bits, type);
  }
  const auto line = [&](const DebugCsr& csr) {
    xml += register_line(csr.name, gdb_register::kFirstCsr + csr.number, width_bits, "int");
  };
  for (const DebugCsr& csr : csrs) {
    if (csr.number <= kFcsr) line(csr);
  }
  xml += "</feature>\n<feature name=\"org.gnu.gdb.riscv.csr\">\n";
  for (const DebugCsr& csr : csrs) {
    if (csr.number > kFcsr) line(csr);
  }
  xml += "</feature>\n<feature name=\"org.gnu.gdb.riscv.virtual\">\n";
  xml += register_line("priv", gdb_register::kPrivilege, width_bits, "int");
  return xml + "</feature>\n</target>\n";
}

std::string memory_map_description(const std::vector<DebugRegion>& regions) {
  std::string xml =
      "<?xml version=\"1.0\"?>\n<!DOCTYPE memory-map PUBLIC \"+//IDN gnu.org//DTD GDB Memory Map V1.0//EN\" "
      "\"http://sourceware.org/gdb/gdb-memory-map.dtd\">\n<memory-map>\n";
  for (const DebugRegion& region : regions) {
    xml += fmt::format("<memory type=\"{}\" start=\"{:#x}\" length=\"{:#x}\"/>\n",
                       region.kind == DebugMemory::rom ? "rom" : "ram", region.first, region.size_bytes);
  }
  return xml + "</memory-map>\n";
}

}  // namespace backboard
