#include "platform/cpu/decode.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <vector>

namespace backboard {
namespace {

/// RV32 has no shift by 32 and more: there the highest bit of the amount is part of the opcode.
constexpr uint32_t mask32(InstructionFormat format, uint32_t mask) {
  return format == InstructionFormat::shift ? mask | 1u << 25 : mask;
}
constexpr uint16_t mask32(CompressedId id, unsigned mask) {
  const bool shift = id == CompressedId::C_SLLI || id == CompressedId::C_SRLI || id == CompressedId::C_SRAI;
  return static_cast<uint16_t>(shift ? mask | 1u << 12 : mask);
}

constexpr InstructionRow kRows32[] = {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) EXTENSION(none, id, mnemonic, match, mask, format, kind)
#define INSTRUCTION64(id, mnemonic, match, mask, format, kind)
#define EXTENSION(extension, id, mnemonic, match, mask, format, kind) \
  {mnemonic,                                                          \
   match,                                                             \
   mask32(InstructionFormat::format, mask),                           \
   InstructionId::id,                                                 \
   InstructionFormat::format,                                         \
   InstructionKind::kind,                                             \
   IsaExtension::extension},
#define EXTENSION64(extension, id, mnemonic, match, mask, format, kind)
#include "platform/cpu/instructions.def"
};
constexpr InstructionRow kRows64[] = {
#define INSTRUCTION(id, mnemonic, match, mask, format, kind) EXTENSION(none, id, mnemonic, match, mask, format, kind)
#define EXTENSION(extension, id, mnemonic, match, mask, format, kind) \
  {mnemonic, match, mask, InstructionId::id, InstructionFormat::format, InstructionKind::kind, IsaExtension::extension},
#define EXTENSION32(extension, id, mnemonic, match, mask, format, kind)
#include "platform/cpu/instructions.def"
};

constexpr CompressedRow kCompressedRows32[] = {
#define COMPRESSED(id, mnemonic, match, mask) {mnemonic, match, mask32(CompressedId::id, mask), CompressedId::id},
#define COMPRESSED64(id, mnemonic, match, mask)
#include "platform/cpu/instructions.def"
};
constexpr CompressedRow kCompressedRows64[] = {
#define COMPRESSED(id, mnemonic, match, mask) {mnemonic, match, mask, CompressedId::id},
#define COMPRESSED32(id, mnemonic, match, mask)
#include "platform/cpu/instructions.def"
};

constexpr bool rows_well_formed(std::span<const InstructionRow> rows, std::span<const CompressedRow> compressed) {
  for (const InstructionRow& row : rows) {
    if ((row.match & ~row.mask) != 0 || (row.match & 3) != 3) return false;
  }
  for (const CompressedRow& row : compressed) {
    if ((row.match & ~row.mask) != 0 || (row.match & 3) == 3) return false;
  }
  return true;
}
static_assert(rows_well_formed(kRows32, kCompressedRows32) && rows_well_formed(kRows64, kCompressedRows64));

/// Rows by opcode and funct3, so that a decode looks at a handful of candidates.
class RowIndex {
 public:
  explicit RowIndex(std::span<const InstructionRow> rows) {
    for (const InstructionRow& row : rows) {
      for (uint32_t key = 0; key < kKeys; ++key) {
        const uint32_t bits = (key >> 3) << 2 | (key & 7) << 12 | 3;
        const uint32_t mask = row.mask & 0x707f;
        if ((bits & mask) == (row.match & mask)) candidates_[key].push_back(&row);
      }
    }
  }
  /// No two rows have bits in common, whatever the extensions.
  const InstructionRow* find(uint32_t bits, Isa isa) const {
    for (const InstructionRow* row : candidates_[(bits >> 2 & 0x1f) << 3 | (bits >> 12 & 7)]) {
      if ((bits & row->mask) == row->match) return isa.has(row->extension) ? row : nullptr;
    }
    return nullptr;
  }

 private:
  static constexpr uint32_t kKeys = 256;
  std::array<std::vector<const InstructionRow*>, kKeys> candidates_;
};

const InstructionRow* find_row(uint32_t bits, Isa isa) {
  static const RowIndex index32{kRows32}, index64{kRows64};
  if (!is_long_instruction(bits)) return nullptr;
  return (isa.width_bits == 32 ? index32 : index64).find(bits, isa);
}

/// The rows of each choice of extensions.
template <size_t kCount>
class RowLists {
 public:
  explicit RowLists(const InstructionRow (&rows)[kCount]) {
    for (size_t i = 0; i < lists_.size(); ++i) {
      const Isa isa{0, static_cast<IsaExtension>(i)};
      std::copy_if(std::begin(rows), std::end(rows), std::back_inserter(lists_[i]),
                   [&](const InstructionRow& row) { return isa.has(row.extension); });
    }
  }
  std::span<const InstructionRow> of(Isa isa) const { return lists_[static_cast<size_t>(isa.extensions)]; }

 private:
  std::array<std::vector<InstructionRow>, static_cast<size_t>(IsaExtension::b) + 1> lists_;
};

constexpr uint32_t field(uint32_t bits, unsigned low, unsigned width) {
  return bits >> low & ((1u << width) - 1);
}
constexpr int32_t sign_extend(uint32_t value, unsigned width) {
  return static_cast<int32_t>(value << (32 - width)) >> (32 - width);
}

int32_t immediate_of(InstructionFormat format, uint32_t bits) {
  switch (format) {
    case InstructionFormat::I:
    case InstructionFormat::fp_load:
      return sign_extend(bits >> 20, 12);
    case InstructionFormat::shift:
      return static_cast<int32_t>(field(bits, 20, 6));
    case InstructionFormat::S:
    case InstructionFormat::fp_store:
      return sign_extend(field(bits, 25, 7) << 5 | field(bits, 7, 5), 12);
    case InstructionFormat::B:
      return sign_extend(
          field(bits, 31, 1) << 12 | field(bits, 7, 1) << 11 | field(bits, 25, 6) << 5 | field(bits, 8, 4) << 1, 13);
    case InstructionFormat::U:
      return static_cast<int32_t>(bits & 0xfffff000);
    case InstructionFormat::J:
      return sign_extend(
          field(bits, 31, 1) << 20 | field(bits, 12, 8) << 12 | field(bits, 20, 1) << 11 | field(bits, 21, 10) << 1,
          21);
    case InstructionFormat::csr:
    case InstructionFormat::csr_immediate:
      return static_cast<int32_t>(field(bits, 20, 12));
    case InstructionFormat::R:
    case InstructionFormat::none:
    case InstructionFormat::cache:
    case InstructionFormat::fp:
    case InstructionFormat::fp_rounded:
    case InstructionFormat::fp_fused:
    case InstructionFormat::fp_to_x:
    case InstructionFormat::fp_to_x_rounded:
    case InstructionFormat::x_to_fp:
    case InstructionFormat::x_to_fp_rounded:
      return 0;
  }
  return 0;
}

bool writes_fp(InstructionFormat format) {
  switch (format) {
    case InstructionFormat::fp_load:
    case InstructionFormat::fp:
    case InstructionFormat::fp_rounded:
    case InstructionFormat::fp_fused:
    case InstructionFormat::x_to_fp:
    case InstructionFormat::x_to_fp_rounded:
      return true;
    default:
      return false;
  }
}

constexpr uint32_t encode_i(uint32_t base, uint32_t rd, uint32_t rs1, int32_t immediate) {
  return base | rd << 7 | rs1 << 15 | static_cast<uint32_t>(immediate) << 20;
}
constexpr uint32_t encode_s(uint32_t base, uint32_t rs1, uint32_t rs2, uint32_t immediate) {
  return base | rs1 << 15 | rs2 << 20 | field(immediate, 0, 5) << 7 | field(immediate, 5, 7) << 25;
}
constexpr uint32_t encode_r(uint32_t base, uint32_t rd, uint32_t rs1, uint32_t rs2) {
  return base | rd << 7 | rs1 << 15 | rs2 << 20;
}
constexpr uint32_t encode_b(uint32_t base, uint32_t rs1, int32_t offset) {
  const auto u = static_cast<uint32_t>(offset);
  return base | rs1 << 15 | field(u, 12, 1) << 31 | field(u, 5, 6) << 25 | field(u, 1, 4) << 8 | field(u, 11, 1) << 7;
}
constexpr uint32_t encode_j(uint32_t rd, int32_t offset) {
  const auto u = static_cast<uint32_t>(offset);
  return 0x6f | rd << 7 | field(u, 20, 1) << 31 | field(u, 1, 10) << 21 | field(u, 11, 1) << 20 | field(u, 12, 8) << 12;
}

// Immediates of the compressed formats (chapter "C" extension, table of formats); c is the half-word.
int32_t ci_immediate(uint32_t c) {
  return sign_extend(field(c, 12, 1) << 5 | field(c, 2, 5), 6);
}
int32_t cj_offset(uint32_t c) {
  return sign_extend(field(c, 12, 1) << 11 | field(c, 8, 1) << 10 | field(c, 9, 2) << 8 | field(c, 6, 1) << 7 |
                         field(c, 7, 1) << 6 | field(c, 2, 1) << 5 | field(c, 11, 1) << 4 | field(c, 3, 3) << 1,
                     12);
}
int32_t cb_offset(uint32_t c) {
  return sign_extend(
      field(c, 12, 1) << 8 | field(c, 5, 2) << 6 | field(c, 2, 1) << 5 | field(c, 10, 2) << 3 | field(c, 3, 2) << 1, 9);
}
uint32_t cl_offset(uint32_t c) {
  return field(c, 5, 1) << 6 | field(c, 10, 3) << 3 | field(c, 6, 1) << 2;
}
uint32_t ci_sp_offset(uint32_t c) {
  return field(c, 2, 2) << 6 | field(c, 12, 1) << 5 | field(c, 4, 3) << 2;
}
// Those of double words.
uint32_t cl_double_offset(uint32_t c) {
  return field(c, 5, 2) << 6 | field(c, 10, 3) << 3;
}
uint32_t ci_sp_double_offset(uint32_t c) {
  return field(c, 2, 3) << 6 | field(c, 12, 1) << 5 | field(c, 5, 2) << 3;
}
uint32_t css_sp_double_offset(uint32_t c) {
  return field(c, 7, 3) << 6 | field(c, 10, 3) << 3;
}
uint32_t css_sp_offset(uint32_t c) {
  return field(c, 7, 2) << 6 | field(c, 9, 4) << 2;
}
uint32_t addi4spn_immediate(uint32_t c) {
  return field(c, 7, 4) << 6 | field(c, 11, 2) << 4 | field(c, 5, 1) << 3 | field(c, 6, 1) << 2;
}
int32_t addi16sp_immediate(uint32_t c) {
  return sign_extend(
      field(c, 12, 1) << 9 | field(c, 3, 2) << 7 | field(c, 5, 1) << 6 | field(c, 2, 1) << 5 | field(c, 6, 1) << 4, 10);
}

/// Quadrants 0 and 2: stack and register-relative loads and stores, moves, jumps through registers.
uint32_t expand_memory_or_register(CompressedId id, uint32_t c) {
  const uint32_t rd = field(c, 7, 5), rs2 = field(c, 2, 5);
  const uint32_t rd_small = 8 + field(c, 2, 3), rs1_small = 8 + field(c, 7, 3);
  const auto offset = static_cast<int32_t>(cl_offset(c)), double_offset = static_cast<int32_t>(cl_double_offset(c));
  switch (id) {
    case CompressedId::C_ADDI4SPN:
      return addi4spn_immediate(c) ? encode_i(0x13, rd_small, 2, static_cast<int32_t>(addi4spn_immediate(c))) : 0;
    case CompressedId::C_LW:
      return encode_i(0x2003, rd_small, rs1_small, offset);
    case CompressedId::C_FLW:
      return encode_i(0x2007, rd_small, rs1_small, offset);
    case CompressedId::C_SW:
      return encode_s(0x2023, rs1_small, rd_small, cl_offset(c));
    case CompressedId::C_FSW:
      return encode_s(0x2027, rs1_small, rd_small, cl_offset(c));
    case CompressedId::C_FLD:
      return encode_i(0x3007, rd_small, rs1_small, double_offset);
    case CompressedId::C_LD:
      return encode_i(0x3003, rd_small, rs1_small, double_offset);
    case CompressedId::C_FSD:
      return encode_s(0x3027, rs1_small, rd_small, cl_double_offset(c));
    case CompressedId::C_SD:
      return encode_s(0x3023, rs1_small, rd_small, cl_double_offset(c));
    case CompressedId::C_FLDSP:
      return encode_i(0x3007, rd, 2, static_cast<int32_t>(ci_sp_double_offset(c)));
    case CompressedId::C_LDSP:
      return rd ? encode_i(0x3003, rd, 2, static_cast<int32_t>(ci_sp_double_offset(c))) : 0;
    case CompressedId::C_FSDSP:
      return encode_s(0x3027, 2, rs2, css_sp_double_offset(c));
    case CompressedId::C_SDSP:
      return encode_s(0x3023, 2, rs2, css_sp_double_offset(c));
    case CompressedId::C_SLLI:
      return encode_i(0x1013, rd, rd, static_cast<int32_t>(field(c, 12, 1) << 5 | rs2));
    case CompressedId::C_LWSP:
      return rd ? encode_i(0x2003, rd, 2, static_cast<int32_t>(ci_sp_offset(c))) : 0;
    case CompressedId::C_FLWSP:
      return encode_i(0x2007, rd, 2, static_cast<int32_t>(ci_sp_offset(c)));
    case CompressedId::C_JR:
      return rd ? encode_i(0x67, 0, rd, 0) : 0;
    case CompressedId::C_MV:
      return encode_r(0x33, rd, 0, rs2);
    case CompressedId::C_EBREAK:
      return 0x00100073;
    case CompressedId::C_JALR:
      return encode_i(0x67, 1, rd, 0);
    case CompressedId::C_ADD:
      return encode_r(0x33, rd, rd, rs2);
    case CompressedId::C_SWSP:
      return encode_s(0x2023, 2, rs2, css_sp_offset(c));
    case CompressedId::C_FSWSP:
      return encode_s(0x2027, 2, rs2, css_sp_offset(c));
    default:
      return 0;
  }
}

}  // namespace

std::span<const InstructionRow> instruction_table(Isa isa) {
  static const RowLists lists32{kRows32};
  static const RowLists lists64{kRows64};
  return isa.width_bits == 32 ? lists32.of(isa) : lists64.of(isa);
}
std::span<const CompressedRow> compressed_table(Isa isa) {
  if (isa.width_bits == 32) return kCompressedRows32;
  return kCompressedRows64;
}

namespace {
const CompressedRow* matching_row(uint16_t bits, Isa isa) {
  for (const CompressedRow& row : compressed_table(isa)) {
    if ((bits & row.mask) == row.match) return &row;
  }
  return nullptr;
}
}  // namespace

const CompressedRow* find_compressed(uint16_t bits, Isa isa) {
  return expand_compressed(bits, isa) ? matching_row(bits, isa) : nullptr;
}

uint32_t expand_compressed(uint16_t bits, Isa isa) {
  const CompressedRow* row = matching_row(bits, isa);
  if (!row) return 0;
  const uint32_t c = bits;
  const uint32_t rd = field(c, 7, 5);
  const uint32_t rd_small = 8 + field(c, 7, 3), rs2_small = 8 + field(c, 2, 3);
  const auto amount = static_cast<int32_t>(field(c, 12, 1) << 5 | field(c, 2, 5));
  switch (row->id) {
    case CompressedId::C_NOP:
    case CompressedId::C_ADDI:
      return encode_i(0x13, rd, rd, ci_immediate(c));
    case CompressedId::C_JAL:
      return encode_j(1, cj_offset(c));
    case CompressedId::C_LI:
      return encode_i(0x13, rd, 0, ci_immediate(c));
    case CompressedId::C_ADDI16SP:
      return addi16sp_immediate(c) ? encode_i(0x13, 2, 2, addi16sp_immediate(c)) : 0;
    case CompressedId::C_LUI:
      return ci_immediate(c) ? 0x37 | rd << 7 | static_cast<uint32_t>(ci_immediate(c)) << 12 : 0;
    case CompressedId::C_SRLI:
      return encode_i(0x5013, rd_small, rd_small, amount);
    case CompressedId::C_SRAI:
      return encode_i(0x40005013, rd_small, rd_small, amount);
    case CompressedId::C_ANDI:
      return encode_i(0x7013, rd_small, rd_small, ci_immediate(c));
    case CompressedId::C_SUB:
      return encode_r(0x40000033, rd_small, rd_small, rs2_small);
    case CompressedId::C_XOR:
      return encode_r(0x4033, rd_small, rd_small, rs2_small);
    case CompressedId::C_OR:
      return encode_r(0x6033, rd_small, rd_small, rs2_small);
    case CompressedId::C_AND:
      return encode_r(0x7033, rd_small, rd_small, rs2_small);
    case CompressedId::C_ADDIW:
      return rd ? encode_i(0x1b, rd, rd, ci_immediate(c)) : 0;
    case CompressedId::C_SUBW:
      return encode_r(0x4000003b, rd_small, rd_small, rs2_small);
    case CompressedId::C_ADDW:
      return encode_r(0x3b, rd_small, rd_small, rs2_small);
    case CompressedId::C_J:
      return encode_j(0, cj_offset(c));
    case CompressedId::C_BEQZ:
      return encode_b(0x63, rd_small, cb_offset(c));
    case CompressedId::C_BNEZ:
      return encode_b(0x1063, rd_small, cb_offset(c));
    default:
      return expand_memory_or_register(row->id, c);
  }
}

Operation decode(uint32_t bits, Isa isa) {
  Operation operation;
  if (!is_long_instruction(bits)) {
    operation.length_bytes = 2;
    bits = expand_compressed(static_cast<uint16_t>(bits), isa);
  }
  const InstructionRow* row = find_row(bits, isa);
  if (!row) return operation;
  operation.id = row->id;
  operation.rd = static_cast<uint8_t>(field(bits, 7, 5));
  if (operation.rd == 0 && !writes_fp(row->format)) operation.rd = kDiscardRegister;
  operation.rs1 = static_cast<uint8_t>(field(bits, 15, 5));
  operation.rs2 = static_cast<uint8_t>(field(bits, 20, 5));
  operation.rs3 = static_cast<uint8_t>(field(bits, 27, 5));
  operation.rounding = static_cast<uint8_t>(field(bits, 12, 3));
  operation.immediate = immediate_of(row->format, bits);
  return operation;
}

unsigned moved_bytes(InstructionId id) {
  switch (id) {
    case InstructionId::LB:
    case InstructionId::LBU:
    case InstructionId::SB:
      return 1;
    case InstructionId::LH:
    case InstructionId::LHU:
    case InstructionId::SH:
      return 2;
    case InstructionId::LW:
    case InstructionId::LWU:
    case InstructionId::SW:
    case InstructionId::FLW:
    case InstructionId::FSW:
      return 4;
    case InstructionId::LD:
    case InstructionId::SD:
    case InstructionId::FLD:
    case InstructionId::FSD:
      return 8;
    default:
      return 0;
  }
}

const char* mnemonic_of(uint32_t bits, Isa isa) {
  if (!is_long_instruction(bits)) {
    const CompressedRow* row = find_compressed(static_cast<uint16_t>(bits), isa);
    return row ? row->mnemonic : "illegal";
  }
  const InstructionRow* row = find_row(bits, isa);
  return row ? row->mnemonic : "illegal";
}

}  // namespace backboard
