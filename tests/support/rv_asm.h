// RISC-V instructions from operands, written from the manual's listings and not from the simulator's table.
#pragma once

#include <cstdint>
#include <cstring>
#include <vector>

namespace backboard::rv {

constexpr uint32_t bits(int64_t value, unsigned high, unsigned low) {
  return static_cast<uint32_t>(static_cast<uint64_t>(value) >> low & ((uint64_t{1} << (high - low + 1)) - 1));
}
constexpr uint32_t r_type(uint32_t op, uint32_t f3, uint32_t f7, uint32_t rd, uint32_t rs1, uint32_t rs2) {
  return op | rd << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | f7 << 25;
}
constexpr uint32_t i_type(uint32_t op, uint32_t f3, uint32_t rd, uint32_t rs1, int32_t imm) {
  return op | rd << 7 | f3 << 12 | rs1 << 15 | bits(imm, 11, 0) << 20;
}
constexpr uint32_t s_type(uint32_t op, uint32_t f3, uint32_t rs2, int32_t imm, uint32_t rs1) {
  return op | bits(imm, 4, 0) << 7 | f3 << 12 | rs1 << 15 | rs2 << 20 | bits(imm, 11, 5) << 25;
}
constexpr uint32_t b_type(uint32_t f3, uint32_t rs1, uint32_t rs2, int32_t offset) {
  return 0x63 | bits(offset, 11, 11) << 7 | bits(offset, 4, 1) << 8 | f3 << 12 | rs1 << 15 | rs2 << 20 |
         bits(offset, 10, 5) << 25 | bits(offset, 12, 12) << 31;
}

#define RV_R(name, op, f3, f7)                                       \
  constexpr uint32_t name(uint32_t rd, uint32_t rs1, uint32_t rs2) { \
    return r_type(op, f3, f7, rd, rs1, rs2);                         \
  }
#define RV_I(name, op, f3)                                          \
  constexpr uint32_t name(uint32_t rd, uint32_t rs1, int32_t imm) { \
    return i_type(op, f3, rd, rs1, imm);                            \
  }
#define RV_S(name, op, f3)                                           \
  constexpr uint32_t name(uint32_t rs2, int32_t imm, uint32_t rs1) { \
    return s_type(op, f3, rs2, imm, rs1);                            \
  }
#define RV_B(name, f3)                                                  \
  constexpr uint32_t name(uint32_t rs1, uint32_t rs2, int32_t offset) { \
    return b_type(f3, rs1, rs2, offset);                                \
  }
// One source and a rounding mode (or function) in funct3; the rs2 field is part of the opcode.
#define RV_F1(name, f7, rs2)                                              \
  constexpr uint32_t name(uint32_t rd, uint32_t rs1, uint32_t rm_or_f3) { \
    return r_type(0x53, rm_or_f3, f7, rd, rs1, rs2);                      \
  }
#define RV_F2(name, f7)                                                               \
  constexpr uint32_t name(uint32_t rd, uint32_t rs1, uint32_t rs2, uint32_t rm = 7) { \
    return r_type(0x53, rm, f7, rd, rs1, rs2);                                        \
  }
#define RV_F4(name, op)                                                                             \
  constexpr uint32_t name(uint32_t rd, uint32_t rs1, uint32_t rs2, uint32_t rs3, uint32_t rm = 7) { \
    return r_type(op, rm, rs3 << 2, rd, rs1, rs2);                                                  \
  }

// One instruction a line; the formatter takes macros without semicolons for expressions.
// clang-format off
constexpr uint32_t lui(uint32_t rd, uint32_t imm20) {
  return 0x37 | rd << 7 | imm20 << 12;
}
constexpr uint32_t auipc(uint32_t rd, uint32_t imm20) {
  return 0x17 | rd << 7 | imm20 << 12;
}
constexpr uint32_t jal(uint32_t rd, int32_t offset) {
  return 0x6f | rd << 7 | bits(offset, 19, 12) << 12 | bits(offset, 11, 11) << 20 | bits(offset, 10, 1) << 21 |
         bits(offset, 20, 20) << 31;
}
RV_I(jalr, 0x67, 0)
RV_B(beq, 0)
RV_B(bne, 1)
RV_B(blt, 4)
RV_B(bge, 5)
RV_B(bltu, 6)
RV_B(bgeu, 7)
RV_I(lb, 0x03, 0)
RV_I(lh, 0x03, 1)
RV_I(lw, 0x03, 2)
RV_I(lbu, 0x03, 4)
RV_I(lhu, 0x03, 5)
RV_S(sb, 0x23, 0)
RV_S(sh, 0x23, 1)
RV_S(sw, 0x23, 2)
RV_I(addi, 0x13, 0)
RV_I(slti, 0x13, 2)
RV_I(sltiu, 0x13, 3)
RV_I(xori, 0x13, 4)
RV_I(ori, 0x13, 6)
RV_I(andi, 0x13, 7)
RV_I(slli, 0x13, 1)
RV_I(srli, 0x13, 5)
constexpr uint32_t srai(uint32_t rd, uint32_t rs1, int32_t amount) {
  return srli(rd, rs1, amount | 0x400);
}
RV_R(add, 0x33, 0, 0)
RV_R(sub, 0x33, 0, 0x20)
RV_R(sll, 0x33, 1, 0)
RV_R(slt, 0x33, 2, 0)
RV_R(sltu, 0x33, 3, 0)
RV_R(xor_, 0x33, 4, 0)
RV_R(srl, 0x33, 5, 0)
RV_R(sra, 0x33, 5, 0x20)
RV_R(or_, 0x33, 6, 0)
RV_R(and_, 0x33, 7, 0)
RV_R(mul, 0x33, 0, 1)
RV_R(mulh, 0x33, 1, 1)
RV_R(mulhsu, 0x33, 2, 1)
RV_R(mulhu, 0x33, 3, 1)
RV_R(div, 0x33, 4, 1)
RV_R(divu, 0x33, 5, 1)
RV_R(rem, 0x33, 6, 1)
RV_R(remu, 0x33, 7, 1)
RV_R(sc_w, 0x2f, 2, 0x0c)
RV_R(amoswap_w, 0x2f, 2, 0x04)
RV_R(amoadd_w, 0x2f, 2, 0x00)
RV_R(amoxor_w, 0x2f, 2, 0x10)
RV_R(amoand_w, 0x2f, 2, 0x30)
RV_R(amoor_w, 0x2f, 2, 0x20)
RV_R(amomin_w, 0x2f, 2, 0x40)
RV_R(amomax_w, 0x2f, 2, 0x50)
RV_R(amominu_w, 0x2f, 2, 0x60)
RV_R(amomaxu_w, 0x2f, 2, 0x70)
constexpr uint32_t
    lr_w(uint32_t rd, uint32_t rs1) {
  return r_type(0x2f, 2, 0x08, rd, rs1, 0);
}
constexpr uint32_t fence() {
  return 0x0ff0000f;
}
constexpr uint32_t fence_i() {
  return 0x0000100f;
}
constexpr uint32_t ecall() {
  return 0x00000073;
}
constexpr uint32_t ebreak() {
  return 0x00100073;
}
constexpr uint32_t mret() {
  return 0x30200073;
}
constexpr uint32_t wfi() {
  return 0x10500073;
}
constexpr uint32_t csrrw(uint32_t rd, uint32_t csr, uint32_t rs1) {
  return 0x1073 | rd << 7 | rs1 << 15 | csr << 20;
}
constexpr uint32_t csrrs(uint32_t rd, uint32_t csr, uint32_t rs1) {
  return 0x2073 | rd << 7 | rs1 << 15 | csr << 20;
}
constexpr uint32_t csrrc(uint32_t rd, uint32_t csr, uint32_t rs1) {
  return 0x3073 | rd << 7 | rs1 << 15 | csr << 20;
}
constexpr uint32_t csrrwi(uint32_t rd, uint32_t csr, uint32_t z) {
  return 0x5073 | rd << 7 | z << 15 | csr << 20;
}
constexpr uint32_t csrrsi(uint32_t rd, uint32_t csr, uint32_t z) {
  return 0x6073 | rd << 7 | z << 15 | csr << 20;
}
constexpr uint32_t csrrci(uint32_t rd, uint32_t csr, uint32_t z) {
  return 0x7073 | rd << 7 | z << 15 | csr << 20;
}
constexpr uint32_t cbo_inval(uint32_t rs1) {
  return 0x0000200f | rs1 << 15;
}
constexpr uint32_t cbo_clean(uint32_t rs1) {
  return 0x0010200f | rs1 << 15;
}
constexpr uint32_t cbo_flush(uint32_t rs1) {
  return 0x0020200f | rs1 << 15;
}
RV_I(flw, 0x07, 2)
RV_S(fsw, 0x27, 2)
RV_F4(fmadd_s, 0x43)
RV_F4(fmsub_s, 0x47)
RV_F4(fnmsub_s, 0x4b)
RV_F4(fnmadd_s, 0x4f)
RV_F2(fadd_s, 0x00)
RV_F2(fsub_s, 0x04)
RV_F2(fmul_s, 0x08)
RV_F2(fdiv_s, 0x0c)
RV_F1(fsqrt_s, 0x2c, 0)
RV_F1(fcvt_w_s, 0x60, 0)
RV_F1(fcvt_wu_s, 0x60, 1)
RV_F1(fcvt_s_w, 0x68, 0)
RV_F1(fcvt_s_wu, 0x68, 1)
RV_R(fsgnj_s, 0x53, 0, 0x10)
RV_R(fsgnjn_s, 0x53, 1, 0x10)
RV_R(fsgnjx_s, 0x53, 2, 0x10)
RV_R(fmin_s, 0x53, 0, 0x14)
RV_R(fmax_s, 0x53, 1, 0x14)
RV_R(fle_s, 0x53, 0, 0x50)
RV_R(flt_s, 0x53, 1, 0x50)
RV_R(feq_s, 0x53, 2, 0x50)
constexpr uint32_t
    fmv_x_w(uint32_t rd, uint32_t rs1) {
  return r_type(0x53, 0, 0x70, rd, rs1, 0);
}
constexpr uint32_t fclass_s(uint32_t rd, uint32_t rs1) {
  return r_type(0x53, 1, 0x70, rd, rs1, 0);
}
constexpr uint32_t fmv_w_x(uint32_t rd, uint32_t rs1) {
  return r_type(0x53, 0, 0x78, rd, rs1, 0);
}

// RV64 and the D extension
RV_I(lwu, 0x03, 6)
RV_I(ld, 0x03, 3)
RV_S(sd, 0x23, 3)
RV_I(addiw, 0x1b, 0)
RV_I(slliw, 0x1b, 1)
RV_I(srliw, 0x1b, 5)
constexpr uint32_t sraiw(uint32_t rd, uint32_t rs1, int32_t amount) {
  return srliw(rd, rs1, amount | 0x400);
}
RV_R(addw, 0x3b, 0, 0)
RV_R(subw, 0x3b, 0, 0x20)
RV_R(sllw, 0x3b, 1, 0)
RV_R(srlw, 0x3b, 5, 0)
RV_R(sraw, 0x3b, 5, 0x20)
RV_R(mulw, 0x3b, 0, 1)
RV_R(divw, 0x3b, 4, 1)
RV_R(divuw, 0x3b, 5, 1)
RV_R(remw, 0x3b, 6, 1)
RV_R(remuw, 0x3b, 7, 1)
RV_R(sc_d, 0x2f, 3, 0x0c)
RV_R(amoswap_d, 0x2f, 3, 0x04)
RV_R(amoadd_d, 0x2f, 3, 0x00)
RV_R(amoxor_d, 0x2f, 3, 0x10)
RV_R(amoand_d, 0x2f, 3, 0x30)
RV_R(amoor_d, 0x2f, 3, 0x20)
RV_R(amomin_d, 0x2f, 3, 0x40)
RV_R(amomax_d, 0x2f, 3, 0x50)
RV_R(amominu_d, 0x2f, 3, 0x60)
RV_R(amomaxu_d, 0x2f, 3, 0x70)
constexpr uint32_t
    lr_d(uint32_t rd, uint32_t rs1) {
  return r_type(0x2f, 3, 0x08, rd, rs1, 0);
}
RV_F1(fcvt_l_s, 0x60, 2)
RV_F1(fcvt_lu_s, 0x60, 3)
RV_F1(fcvt_s_l, 0x68, 2)
RV_F1(fcvt_s_lu, 0x68, 3)
RV_I(fld, 0x07, 3)
RV_S(fsd, 0x27, 3)
#define RV_F4D(name, op)                                                                             \
  constexpr uint32_t name(uint32_t rd, uint32_t rs1, uint32_t rs2, uint32_t rs3, uint32_t rm = 7) { \
    return r_type(op, rm, rs3 << 2 | 1, rd, rs1, rs2);                                              \
  }
RV_F4D(fmadd_d, 0x43)
RV_F4D(fmsub_d, 0x47)
RV_F4D(fnmsub_d, 0x4b)
RV_F4D(fnmadd_d, 0x4f)
#undef RV_F4D
RV_F2(fadd_d, 0x01)
RV_F2(fsub_d, 0x05)
RV_F2(fmul_d, 0x09)
RV_F2(fdiv_d, 0x0d)
RV_F1(fsqrt_d, 0x2d, 0)
RV_F1(fcvt_s_d, 0x20, 1)
RV_F1(fcvt_d_s, 0x21, 0)
RV_F1(fcvt_w_d, 0x61, 0)
RV_F1(fcvt_wu_d, 0x61, 1)
RV_F1(fcvt_l_d, 0x61, 2)
RV_F1(fcvt_lu_d, 0x61, 3)
RV_F1(fcvt_d_w, 0x69, 0)
RV_F1(fcvt_d_wu, 0x69, 1)
RV_F1(fcvt_d_l, 0x69, 2)
RV_F1(fcvt_d_lu, 0x69, 3)
RV_R(fsgnj_d, 0x53, 0, 0x11)
RV_R(fsgnjn_d, 0x53, 1, 0x11)
RV_R(fsgnjx_d, 0x53, 2, 0x11)
RV_R(fmin_d, 0x53, 0, 0x15)
RV_R(fmax_d, 0x53, 1, 0x15)
RV_R(fle_d, 0x53, 0, 0x51)
RV_R(flt_d, 0x53, 1, 0x51)
RV_R(feq_d, 0x53, 2, 0x51)
constexpr uint32_t
    fmv_x_d(uint32_t rd, uint32_t rs1) {
  return r_type(0x53, 0, 0x71, rd, rs1, 0);
}
constexpr uint32_t fclass_d(uint32_t rd, uint32_t rs1) {
  return r_type(0x53, 1, 0x71, rd, rs1, 0);
}
constexpr uint32_t fmv_d_x(uint32_t rd, uint32_t rs1) {
  return r_type(0x53, 0, 0x79, rd, rs1, 0);
}

// clang-format on

#undef RV_R
#undef RV_I
#undef RV_S
#undef RV_B
#undef RV_F1
#undef RV_F2
#undef RV_F4

// Compressed formats by quadrant and funct3; the fields are given as they lie in the half-word.
constexpr uint16_t c_ci(uint32_t quadrant, uint32_t f3, uint32_t rd, int32_t imm) {
  return static_cast<uint16_t>(quadrant | bits(imm, 4, 0) << 2 | rd << 7 | bits(imm, 5, 5) << 12 | f3 << 13);
}
constexpr uint16_t c_cr(uint32_t f4, uint32_t rd, uint32_t rs2) {
  return static_cast<uint16_t>(2 | rs2 << 2 | rd << 7 | f4 << 12);
}
/// Word loads and stores relative to a register; registers x8 to x15.
constexpr uint16_t c_cl(uint32_t f3, uint32_t rd, uint32_t rs1, uint32_t offset) {
  return static_cast<uint16_t>((rd - 8) << 2 | bits(offset, 6, 6) << 5 | bits(offset, 2, 2) << 6 | (rs1 - 8) << 7 |
                               bits(offset, 5, 3) << 10 | f3 << 13);
}
constexpr uint16_t c_lwsp(uint32_t f3, uint32_t rd, uint32_t offset) {
  return static_cast<uint16_t>(2 | bits(offset, 7, 6) << 2 | bits(offset, 4, 2) << 4 | rd << 7 |
                               bits(offset, 5, 5) << 12 | f3 << 13);
}
constexpr uint16_t c_swsp(uint32_t f3, uint32_t rs2, uint32_t offset) {
  return static_cast<uint16_t>(2 | rs2 << 2 | bits(offset, 7, 6) << 7 | bits(offset, 5, 2) << 9 | f3 << 13);
}
/// The same of double words.
constexpr uint16_t c_cld(uint32_t f3, uint32_t rd, uint32_t rs1, uint32_t offset) {
  return static_cast<uint16_t>((rd - 8) << 2 | bits(offset, 7, 6) << 5 | (rs1 - 8) << 7 | bits(offset, 5, 3) << 10 |
                               f3 << 13);
}
constexpr uint16_t c_ldsp(uint32_t f3, uint32_t rd, uint32_t offset) {
  return static_cast<uint16_t>(2 | bits(offset, 8, 6) << 2 | bits(offset, 4, 3) << 5 | rd << 7 |
                               bits(offset, 5, 5) << 12 | f3 << 13);
}
constexpr uint16_t c_sdsp(uint32_t f3, uint32_t rs2, uint32_t offset) {
  return static_cast<uint16_t>(2 | rs2 << 2 | bits(offset, 8, 6) << 7 | bits(offset, 5, 3) << 10 | f3 << 13);
}
constexpr uint16_t c_addi4spn(uint32_t rd, uint32_t imm) {
  return static_cast<uint16_t>((rd - 8) << 2 | bits(imm, 3, 3) << 5 | bits(imm, 2, 2) << 6 | bits(imm, 9, 6) << 7 |
                               bits(imm, 5, 4) << 11);
}
constexpr uint16_t c_addi16sp(int32_t imm) {
  return static_cast<uint16_t>(1 | bits(imm, 5, 5) << 2 | bits(imm, 8, 7) << 3 | bits(imm, 6, 6) << 5 |
                               bits(imm, 4, 4) << 6 | 2u << 7 | bits(imm, 9, 9) << 12 | 3u << 13);
}
/// SRLI, SRAI, ANDI (function 0 to 2).
constexpr uint16_t c_cb_alu(uint32_t function, uint32_t rd, int32_t imm) {
  return static_cast<uint16_t>(1 | bits(imm, 4, 0) << 2 | (rd - 8) << 7 | function << 10 | bits(imm, 5, 5) << 12 |
                               4u << 13);
}
/// SUBW, ADDW (function 0 and 1).
constexpr uint16_t c_caw(uint32_t function, uint32_t rd, uint32_t rs2) {
  return static_cast<uint16_t>(1 | (rs2 - 8) << 2 | function << 5 | (rd - 8) << 7 | 7u << 10 | 4u << 13);
}
/// SUB, XOR, OR, AND (function 0 to 3).
constexpr uint16_t c_ca(uint32_t function, uint32_t rd, uint32_t rs2) {
  return static_cast<uint16_t>(1 | (rs2 - 8) << 2 | function << 5 | (rd - 8) << 7 | 3u << 10 | 4u << 13);
}
constexpr uint16_t c_cj(uint32_t f3, int32_t offset) {
  return static_cast<uint16_t>(1 | bits(offset, 5, 5) << 2 | bits(offset, 3, 1) << 3 | bits(offset, 7, 7) << 6 |
                               bits(offset, 6, 6) << 7 | bits(offset, 10, 10) << 8 | bits(offset, 9, 8) << 9 |
                               bits(offset, 4, 4) << 11 | bits(offset, 11, 11) << 12 | f3 << 13);
}
constexpr uint16_t c_cb(uint32_t f3, uint32_t rs1, int32_t offset) {
  return static_cast<uint16_t>(1 | bits(offset, 5, 5) << 2 | bits(offset, 2, 1) << 3 | bits(offset, 7, 6) << 5 |
                               (rs1 - 8) << 7 | bits(offset, 4, 3) << 10 | bits(offset, 8, 8) << 12 | f3 << 13);
}

/// Instructions one behind the other.
class Program {
 public:
  Program& operator<<(uint32_t word) {
    for (unsigned i = 0; i < 4; ++i) bytes_.push_back(static_cast<uint8_t>(word >> (8 * i)));
    return *this;
  }
  Program& half(uint16_t word) {
    for (unsigned i = 0; i < 2; ++i) bytes_.push_back(static_cast<uint8_t>(word >> (8 * i)));
    return *this;
  }
  /// `value` into `rd`, always two instructions.
  Program& li(uint32_t rd, uint32_t value) {
    const uint32_t upper = (value + 0x800) >> 12;
    return *this << lui(rd, upper & 0xfffff) << addi(rd, rd, static_cast<int32_t>(value << 20) >> 20);
  }
  /// Bytes so far: the offset of the next instruction.
  uint32_t here() const { return static_cast<uint32_t>(bytes_.size()); }
  /// Writes a jump to the next instruction (or a branch) over the word at `offset`.
  void patch(uint32_t offset, uint32_t word) { std::memcpy(bytes_.data() + offset, &word, sizeof word); }
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  std::vector<uint8_t> bytes_;
};

}  // namespace backboard::rv
