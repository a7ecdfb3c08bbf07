// The 16-bit instructions: what each stands for, and which patterns are reserved.
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "platform/cpu/decode.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

struct Expansion {
  std::string mnemonic;
  uint16_t half;
  uint32_t word;  ///< the 32-bit instruction that the manual names; 0: illegal or reserved
};

std::vector<Expansion> expansions() {
  return {
      {"c.addi4spn", c_addi4spn(9, 1020), addi(9, 2, 1020)},
      {"c.addi4spn", c_addi4spn(8, 4), addi(8, 2, 4)},
      {"c.addi4spn", c_addi4spn(8, 8), addi(8, 2, 8)},
      {"c.lw", c_cl(2, 15, 8, 124), lw(15, 8, 124)},
      {"c.lw", c_cl(2, 8, 15, 64), lw(8, 15, 64)},
      {"c.flw", c_cl(3, 10, 9, 4), flw(10, 9, 4)},
      {"c.sw", c_cl(6, 11, 12, 60), sw(11, 60, 12)},
      {"c.fsw", c_cl(7, 13, 14, 72), fsw(13, 72, 14)},
      {"c.nop", 0x0001, addi(0, 0, 0)},
      {"c.nop", c_ci(1, 0, 0, 3), addi(0, 0, 3)},  // HINT
      {"c.addi", c_ci(1, 0, 31, -32), addi(31, 31, -32)},
      {"c.addi", c_ci(1, 0, 5, 0), addi(5, 5, 0)},  // HINT
      {"c.jal", c_cj(1, -2048), jal(1, -2048)},
      {"c.jal", c_cj(1, 2046), jal(1, 2046)},
      {"c.li", c_ci(1, 2, 7, -1), addi(7, 0, -1)},
      {"c.addi16sp", c_addi16sp(-512), addi(2, 2, -512)},
      {"c.addi16sp", c_addi16sp(496), addi(2, 2, 496)},
      {"c.lui", c_ci(1, 3, 6, 31), lui(6, 31)},
      {"c.lui", c_ci(1, 3, 6, -1), lui(6, 0xfffff)},
      {"c.lui", c_ci(1, 3, 0, 1), lui(0, 1)},  // HINT
      {"c.srli", c_cb_alu(0, 8, 31), srli(8, 8, 31)},
      {"c.srai", c_cb_alu(1, 9, 1), srai(9, 9, 1)},
      {"c.andi", c_cb_alu(2, 10, -32), andi(10, 10, -32)},
      {"c.sub", c_ca(0, 8, 15), sub(8, 8, 15)},
      {"c.xor", c_ca(1, 9, 14), xor_(9, 9, 14)},
      {"c.or", c_ca(2, 10, 13), or_(10, 10, 13)},
      {"c.and", c_ca(3, 11, 12), and_(11, 11, 12)},
      {"c.j", c_cj(5, 0x554), jal(0, 0x554)},
      {"c.j", c_cj(5, -0x556), jal(0, -0x556)},
      {"c.beqz", c_cb(6, 8, 254), beq(8, 0, 254)},
      {"c.beqz", c_cb(6, 15, -256), beq(15, 0, -256)},
      {"c.bnez", c_cb(7, 9, 0xaa), bne(9, 0, 0xaa)},
      {"c.slli", c_ci(2, 0, 5, 31), slli(5, 5, 31)},
      {"c.slli", c_ci(2, 0, 0, 1), slli(0, 0, 1)},  // HINT
      {"c.lwsp", c_lwsp(2, 31, 252), lw(31, 2, 252)},
      {"c.lwsp", c_lwsp(2, 1, 32), lw(1, 2, 32)},
      {"c.flwsp", c_lwsp(3, 0, 200), flw(0, 2, 200)},
      {"c.jr", c_cr(8, 1, 0), jalr(0, 1, 0)},
      {"c.mv", c_cr(8, 5, 6), add(5, 0, 6)},
      {"c.mv", c_cr(8, 0, 6), add(0, 0, 6)},  // HINT
      {"c.ebreak", 0x9002, ebreak()},
      {"c.jalr", c_cr(9, 5, 0), jalr(1, 5, 0)},
      {"c.add", c_cr(9, 5, 6), add(5, 5, 6)},
      {"c.add", 0x900a, add(0, 0, 2)},  // HINT: c.add x0, x2
      {"c.swsp", c_swsp(6, 31, 252), sw(31, 252, 2)},
      {"c.fswsp", c_swsp(7, 30, 128), fsw(30, 128, 2)},
      {"illegal", 0x0000, 0},
      {"illegal", c_addi4spn(10, 0), 0},
      {"illegal", 0x2000, 0},  // c.fld needs D
      {"illegal", 0xa000, 0},  // c.fsd
      {"illegal", 0x8000, 0},
      {"illegal", c_addi16sp(0), 0},
      {"illegal", c_ci(1, 3, 5, 0), 0},    // c.lui with 0
      {"illegal", c_cb_alu(0, 8, 32), 0},  // shift by 32 or more: RV64 only
      {"illegal", c_ci(2, 0, 5, 32), 0},   // the same for c.slli
      {"illegal", 0x9c01, 0},              // c.subw: RV64
      {"illegal", c_lwsp(2, 0, 4), 0},     // to x0
      {"illegal", c_cr(8, 0, 0), 0},       // c.jr x0
      {"illegal", 0x2002, 0},              // c.fldsp
      {"illegal", 0xa002, 0},              // c.fsdsp
  };
}

/// Those of RV64 that RV32 does not have, or has as others.
std::vector<Expansion> expansions64() {
  return {
      {"c.fld", c_cld(1, 8, 15, 248), fld(8, 15, 248)},
      {"c.fld", c_cld(1, 15, 8, 64), fld(15, 8, 64)},
      {"c.ld", c_cld(3, 9, 10, 136), ld(9, 10, 136)},
      {"c.fsd", c_cld(5, 9, 10, 56), fsd(9, 56, 10)},
      {"c.sd", c_cld(7, 11, 12, 192), sd(11, 192, 12)},
      {"c.addiw", c_ci(1, 1, 31, -32), addiw(31, 31, -32)},
      {"c.addiw", c_ci(1, 1, 5, 0), addiw(5, 5, 0)},  // sext.w
      {"c.srli", c_cb_alu(0, 8, 63), srli(8, 8, 63)},
      {"c.srai", c_cb_alu(1, 9, 32), srai(9, 9, 32)},
      {"c.slli", c_ci(2, 0, 5, 63), slli(5, 5, 63)},
      {"c.subw", c_caw(0, 8, 15), subw(8, 8, 15)},
      {"c.addw", c_caw(1, 9, 14), addw(9, 9, 14)},
      {"c.fldsp", c_ldsp(1, 31, 504), fld(31, 2, 504)},
      {"c.fldsp", c_ldsp(1, 0, 8), fld(0, 2, 8)},
      {"c.ldsp", c_ldsp(3, 31, 264), ld(31, 2, 264)},
      {"c.fsdsp", c_sdsp(5, 30, 448), fsd(30, 448, 2)},
      {"c.sdsp", c_sdsp(7, 31, 504), sd(31, 504, 2)},
      {"illegal", c_ci(1, 1, 0, 5), 0},  // c.addiw to x0
      {"illegal", c_ldsp(3, 0, 8), 0},   // c.ldsp to x0
      {"illegal", c_caw(2, 8, 9), 0},    // reserved
      {"illegal", 0x8000, 0},
      {"illegal", 0x0000, 0},
  };
}

bool same(const Operation& a, const Operation& b) {
  return a.id == b.id && a.rd == b.rd && a.rs1 == b.rs1 && a.rs2 == b.rs2 && a.immediate == b.immediate;
}

}  // namespace

TEST_CASE("Each compressed instruction stands for the one that the manual names") {
  for (const Expansion& e : expansions()) {
    INFO(e.mnemonic << " " << std::hex << e.half);
    CHECK(expand_compressed(e.half) == e.word);
    CHECK(std::string(mnemonic_of(e.half)) == e.mnemonic);
    const Operation operation = decode(e.half);
    CHECK(operation.length_bytes == 2);
    if (e.word) CHECK(same(operation, decode(e.word)));
    if (!e.word) CHECK(operation.id == InstructionId::ILLEGAL);
  }
}

TEST_CASE("RV64: each compressed instruction stands for the one that the manual names") {
  for (const Expansion& e : expansions64()) {
    INFO(e.mnemonic << " " << std::hex << e.half);
    CHECK(expand_compressed(e.half, Isa::rv64imafdc) == e.word);
    CHECK(std::string(mnemonic_of(e.half, Isa::rv64imafdc)) == e.mnemonic);
    const Operation operation = decode(e.half, Isa::rv64imafdc);
    if (e.word) CHECK(same(operation, decode(e.word, Isa::rv64imafdc)));
    if (!e.word) CHECK(operation.id == InstructionId::ILLEGAL);
  }
  // What is common stands for the same.
  for (const Expansion& e : expansions()) {
    const std::set<std::string> other = {"c.flw", "c.fsw", "c.jal", "c.flwsp", "c.fswsp", "illegal"};
    INFO(e.mnemonic << " " << std::hex << e.half);
    if (!other.count(e.mnemonic)) CHECK(expand_compressed(e.half, Isa::rv64imafdc) == e.word);
  }
}

TEST_CASE("Every row of the compressed tables has a test in this file") {
  std::set<std::string> tested;
  for (const Expansion& e : expansions()) tested.insert(e.mnemonic);
  for (const Expansion& e : expansions64()) tested.insert(e.mnemonic);
  for (const Isa isa : {Isa::rv32imafc, Isa::rv64imafdc}) {
    for (const CompressedRow& row : compressed_table(isa)) {
      INFO(row.mnemonic);
      CHECK(tested.count(row.mnemonic) == 1);
    }
  }
}

TEST_CASE("Every 16-bit pattern is illegal or stands for a legal instruction") {
  unsigned legal = 0;
  for (uint32_t half = 0; half < 0x10000; ++half) {
    if (is_long_instruction(half)) continue;
    const uint32_t word = expand_compressed(static_cast<uint16_t>(half));
    if (word == 0) continue;
    ++legal;
    CHECK(decode(word).id != InstructionId::ILLEGAL);
  }
  // 3 * 2^14 patterns less the reserved ones:
  //  c.addi4spn 0: 8; FLD, FSD, FLDSP, FSDSP: 4 * 2^11... counted by rows: quadrant 0 funct3 1, 4, 5: 3 * 2^11;
  //  quadrant 1: c.addi16sp 0: 1, c.lui 0: 31, shifts with bit 12: 2 * 2^8, RV64's register forms: 2^8;
  //  quadrant 2: c.slli with bit 12: 2^10, c.lwsp x0: 2^6, FLDSP, FSDSP: 2 * 2^11, c.jr x0: 1.
  CHECK(legal == 3 * 16384 - (8 + 3 * 2048) - (1 + 31 + 512 + 256) - (1024 + 64 + 4096 + 1));
}

TEST_CASE("RV64: every 16-bit pattern is illegal or stands for a legal instruction") {
  unsigned legal = 0;
  for (uint32_t half = 0; half < 0x10000; ++half) {
    if (is_long_instruction(half)) continue;
    const uint32_t word = expand_compressed(static_cast<uint16_t>(half), Isa::rv64imafdc);
    if (word == 0) continue;
    ++legal;
    CHECK(decode(word, Isa::rv64imafdc).id != InstructionId::ILLEGAL);
  }
  // Less the reserved ones: quadrant 0: c.addi4spn 0: 8, funct3 4: 2^11; quadrant 1: c.addiw x0: 2^6, c.addi16sp 0: 1,
  // c.lui 0: 31, two register forms: 2 * 2^6; quadrant 2: c.lwsp x0 and c.ldsp x0: 2 * 2^6, c.jr x0: 1.
  CHECK(legal == 3 * 16384 - (8 + 2048) - (64 + 1 + 31 + 128) - (128 + 1));
}

TEST_CASE("RV64: what only RV32 has, and what neither has, is illegal") {
  for (const uint32_t word : {
           0xffffffffu, r_type(0x3b, 0, 0x02, 1, 2, 3),  // unknown funct7
           r_type(0x13, 1, 0x20, 1, 2, 3),               // slli with bits above the amount
           i_type(0x1b, 1, 1, 2, 32),                    // slliw by 32
           i_type(0x03, 7, 1, 2, 0),                     // ldu
           s_type(0x23, 4, 1, 0, 2),                     // sq
           i_type(0x07, 4, 1, 2, 0),                     // flq
           r_type(0x53, 0, 0x03, 1, 2, 3),               // fadd.q
           r_type(0x53, 0, 0x02, 1, 2, 3),               // fadd.h
           r_type(0x53, 0, 0x2d, 1, 2, 1),               // fsqrt.d with rs2 = 1
           r_type(0x53, 0, 0x20, 1, 2, 0),               // fcvt.s.s
           r_type(0x53, 3, 0x11, 1, 2, 3),               // fsgnj.d with funct3 3
           r_type(0x2f, 3, 0x08, 1, 2, 3),               // lr.d with rs2
           r_type(0x2f, 4, 0x00, 1, 2, 3),               // amoadd.q
       }) {
    INFO(std::hex << word);
    CHECK(decode(word, Isa::rv64imafdc).id == InstructionId::ILLEGAL);
  }
}

TEST_CASE("Compressed instructions run between long ones, across any alignment") {
  Machine m;
  Program program;
  program.half(c_ci(1, 2, 10, 5));  // c.li x10, 5
  program << addi(10, 10, 100);     // at offset 2
  program.half(0x900a);             // HINT c.add x0, x2
  program.half(c_cj(1, 8));         // c.jal to offset 16: links offset 10
  program << addi(10, 0, 0);        // skipped
  program.half(c_ci(1, 0, 10, 1));  // c.addi x10, 1 at offset 14 (skipped as well)
  program.half(c_ci(1, 0, 10, 2));  // c.addi x10, 2 at offset 16
  REQUIRE(program.here() == 18);
  m.execute(program, 5);
  CHECK(m.core->pc() == Machine::kBase + 18);
  CHECK(m.x(10) == 107);
  CHECK(m.x(1) == Machine::kBase + 10);
  CHECK(m.log.traps.empty());
}

TEST_CASE("Reserved 32-bit encodings are illegal, unknown fences are not") {
  for (const uint32_t word : {
           0xffffffffu,                     // all ones
           r_type(0x33, 0, 0x02, 1, 2, 3),  // unknown funct7
           r_type(0x13, 1, 0x20, 1, 2, 3),  // slli with bits above the amount
           r_type(0x13, 1, 0x01, 1, 2, 3),  // amount 32: RV64 only
           i_type(0x03, 3, 1, 2, 0),        // ld
           i_type(0x03, 6, 1, 2, 0),        // lwu
           s_type(0x23, 3, 1, 0, 2),        // sd
           b_type(2, 1, 2, 8),              // funct3 2 and 3 of BRANCH
           b_type(3, 1, 2, 8),
           i_type(0x67, 1, 1, 2, 0),        // jalr with funct3 1
           i_type(0x07, 3, 1, 2, 0),        // fld
           r_type(0x53, 0, 0x01, 1, 2, 3),  // fadd.d
           r_type(0x53, 0, 0x2c, 1, 2, 1),  // fsqrt.s with rs2 = 1
           r_type(0x53, 3, 0x10, 1, 2, 3),  // fsgnj with funct3 3
           r_type(0x43, 0, 0x01, 1, 2, 3),  // fmadd.d
           r_type(0x2f, 2, 0x08, 1, 2, 3),  // lr.w with rs2
           r_type(0x2f, 3, 0x00, 1, 2, 3),  // amoadd.d
           0x10200073u,                     // sret: no supervisor mode
           0x12000073u,                     // sfence.vma
           0x0040200fu | 1u << 15,          // cbo.zero: Zicboz is not there
       }) {
    INFO(std::hex << word);
    CHECK(decode(word).id == InstructionId::ILLEGAL);
  }
  CHECK(decode(0x8330000f).id == InstructionId::FENCE);    // fence.tso
  CHECK(decode(0x0100000f).id == InstructionId::FENCE);    // pause, a HINT
  CHECK(decode(0x00a5100f).id == InstructionId::FENCE_I);  // reserved fields are ignored
}
