#include "platform/regs/writers.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

namespace backboard {
namespace {

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(), [](unsigned char c) { return std::toupper(c); });
  return out;
}

std::string replace_all(std::string text, std::string_view from, std::string_view to) {
  for (size_t at = text.find(from); at != std::string::npos; at = text.find(from, at + to.size())) {
    text.replace(at, from.size(), to);
  }
  return text;
}

std::string escape_xml(std::string_view text) {
  return replace_all(replace_all(replace_all(std::string(text), "&", "&amp;"), "<", "&lt;"), ">", "&gt;");
}

std::string offset_text(const RegisterInfo& reg) {
  if (reg.count == 1) return fmt::format("{:#05x}", reg.offset);
  return fmt::format("{:#05x} + {:#x} n, n < {}", reg.offset, reg.stride_bytes, reg.count);
}

template <class F>
void for_each_field(const BlockInfo& block, const RegisterInfo& reg, F visit) {
  for (const FieldInfo& field : block.fields) {
    if (field.reg == reg.name) visit(field);
  }
}

std::string cell(std::string_view text) {
  return replace_all(std::string(text), "|", "\\|");
}

const char* svd_access(RegisterAccess access) {
  switch (access) {
    case RegisterAccess::RO:
      return "read-only";
    case RegisterAccess::WO:
      return "write-only";
    case RegisterAccess::RW:
    case RegisterAccess::W1C:
      return "read-write";
  }
  return "read-write";
}

// Whether an earlier register of the block has the same offset and bank: SVD wants to be told.
const RegisterInfo* alternate_of(const BlockInfo& block, const RegisterInfo& reg) {
  for (const RegisterInfo& before : block.registers) {
    if (&before == &reg) return nullptr;
    if (before.offset == reg.offset) return &before;
  }
  return nullptr;
}

std::string svd_register(const BlockInfo& block, const RegisterInfo& reg) {
  std::string out = "        <register>\n";
  if (reg.count > 1) {
    out += fmt::format("          <dim>{}</dim>\n          <dimIncrement>{:#x}</dimIncrement>\n", reg.count,
                       reg.stride_bytes);
  }
  out += fmt::format("          <name>{}{}</name>\n          <description>{}</description>\n", reg.name,
                     reg.count > 1 ? "[%s]" : "", escape_xml(reg.description));
  if (reg.bank != 0) {
    out += fmt::format("          <alternateGroup>BANK{}</alternateGroup>\n", reg.bank);
  } else if (const RegisterInfo* other = alternate_of(block, reg); other && other->bank == 0) {
    out += fmt::format("          <alternateRegister>{}</alternateRegister>\n", other->name);
  }
  out += fmt::format("          <addressOffset>{:#x}</addressOffset>\n          <size>{}</size>\n", reg.offset,
                     8 * reg.width_bytes);
  out += fmt::format("          <access>{}</access>\n          <resetValue>{:#x}</resetValue>\n",
                     svd_access(reg.access), reg.reset);
  if (reg.access == RegisterAccess::W1C) {
    out += "          <modifiedWriteValues>oneToClear</modifiedWriteValues>\n";
  }
  std::string fields;
  for_each_field(block, reg, [&](const FieldInfo& field) {
    fields += fmt::format(
        "            <field>\n              <name>{}</name>\n              <description>{}</description>\n"
        "              <bitOffset>{}</bitOffset>\n              <bitWidth>{}</bitWidth>\n            </field>\n",
        field.name, escape_xml(field.description), field.lsb, field.width);
  });
  if (!fields.empty()) out += "          <fields>\n" + fields + "          </fields>\n";
  return out + "        </register>\n";
}

}  // namespace

std::string registers_as_markdown(std::span<const PlacedBlock> blocks) {
  std::string out;
  for (const PlacedBlock& placed : blocks) {
    const BlockInfo& block = *placed.block;
    out += fmt::format("{}## {}: {}\n\nBase {:#010x}, {:#x} bytes.\n\n", out.empty() ? "" : "\n", block.name,
                       block.description, placed.base, placed.size_bytes);
    out += "| offset | register | access | reset | description |\n|---|---|---|---|---|\n";
    for (const RegisterInfo& reg : block.registers) {
      out += fmt::format("| {} | `{}` | {} | {:#x} | {}{}{} |\n", offset_text(reg), reg.name, name_of(reg.access),
                         reg.reset, cell(reg.description), reg.width_bytes == 1 ? " (8 bits)" : "",
                         reg.bank ? fmt::format(" (bank {})", reg.bank) : "");
      for_each_field(block, reg, [&](const FieldInfo& field) {
        const std::string bits = field.width == 1 ? fmt::format("{}", field.lsb)
                                                  : fmt::format("{}:{}", field.lsb + field.width - 1, field.lsb);
        out += fmt::format("| | bits {} | | | `{}`: {} |\n", bits, field.name, cell(field.description));
      });
    }
  }
  return out;
}

std::string registers_as_c_header(std::span<const PlacedBlock> blocks) {
  const std::string guard = blocks.size() == 1 ? fmt::format("BACKBOARD_{}_REGISTERS_H", upper(blocks[0].block->name))
                                               : "BACKBOARD_REGISTERS_H";
  std::string out = fmt::format("#ifndef {0}\n#define {0}\n", guard);
  for (const PlacedBlock& placed : blocks) {
    const BlockInfo& block = *placed.block;
    out += fmt::format("\n/* {}: {} */\n#define {}_BASE {:#x}u\n", block.name, block.description, upper(block.name),
                       placed.base);
    for (const RegisterInfo& reg : block.registers) {
      out += fmt::format("\n#define {}_OFFSET {:#x}u /* {}: {} */\n", reg.name, reg.offset, name_of(reg.access),
                         reg.description);
      if (reg.count > 1) {
        out +=
            fmt::format("#define {0}_COUNT {1}u\n#define {0}_STRIDE {2:#x}u\n", reg.name, reg.count, reg.stride_bytes);
      }
      for_each_field(block, reg, [&](const FieldInfo& field) {
        out += fmt::format("#define {0}_LSB {1}u /* {4} */\n#define {0}_WIDTH {2}u\n#define {0}_MASK {3:#x}u\n",
                           field.name, field.lsb, field.width, field.mask(), field.description);
      });
    }
  }
  return out + "\n#endif\n";
}

std::string registers_as_svd(std::span<const PlacedBlock> blocks) {
  std::string out =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<device schemaVersion=\"1.3\" xmlns:xs=\"http://www.w3.org/2001/XMLSchema-instance\" "
      "xs:noNamespaceSchemaLocation=\"CMSIS-SVD.xsd\">\n"
      "  <name>Backboard</name>\n  <version>1.0</version>\n"
      "  <description>Virtual edge SoC with a training NPU</description>\n"
      "  <addressUnitBits>8</addressUnitBits>\n  <width>32</width>\n  <size>32</size>\n  <peripherals>\n";
  for (const PlacedBlock& placed : blocks) {
    const BlockInfo& block = *placed.block;
    out += fmt::format("    <peripheral>\n      <name>{}</name>\n      <description>{}</description>\n",
                       upper(block.name), escape_xml(block.description));
    out += fmt::format("      <baseAddress>{:#x}</baseAddress>\n", placed.base);
    out += fmt::format("      <addressBlock>\n        <offset>0</offset>\n        <size>{:#x}</size>\n",
                       placed.size_bytes);
    out += "        <usage>registers</usage>\n      </addressBlock>\n      <registers>\n";
    for (const RegisterInfo& reg : block.registers) out += svd_register(block, reg);
    out += "      </registers>\n    </peripheral>\n";
  }
  return out + "  </peripherals>\n</device>\n";
}

}  // namespace backboard
