// Every instruction of the RV64 table, executed, against values worked out from the manual: the new ones, and those of
// RV32 where 64 bits show.
#include <catch2/catch.hpp>
#include <set>
#include <string>

#include "platform/cpu/decode.h"
#include "platform/cpu/riscv_core.h"
#include "tests/support/machine.h"

using namespace backboard;
using namespace backboard::rv;
using test::Machine;

namespace {

constexpr uint64_t kMin = uint64_t{1} << 63, kMax = ~kMin, kOnes = UINT64_MAX;
constexpr uint64_t kMinWord = 0xffffffff80000000, kBox = 0xffffffff00000000;

CoreConfig rv64() {
  CoreConfig config;
  config.isa = Isa::rv64imafdc;
  return config;
}

/// One instruction at kBase with a = x11, b = x12 and x8 = kData; x10 is its destination.
struct Case {
  std::string mnemonic;
  uint32_t word;
  uint64_t a, b;
  uint64_t expected;
};

std::vector<Case> computing_cases() {
  const auto R = [](uint32_t (*encode)(uint32_t, uint32_t, uint32_t)) { return encode(10, 11, 12); };
  constexpr uint64_t kTwo32 = uint64_t{1} << 32;
  return {
      {"lui", lui(10, 0x80000), 0, 0, kMinWord},
      {"lui", lui(10, 0x7ffff), 0, 0, 0x7ffff000},
      {"auipc", auipc(10, 0x80000), 0, 0, 0},  // kBase - 2^31
      {"auipc", auipc(10, 0x7ffff), 0, 0, 0xfffff000},
      {"addi", addi(10, 11, -1), 0, 0, kOnes},
      {"addi", addi(10, 11, 1), 0x7fffffff, 0, 0x80000000},
      {"slti", slti(10, 11, -1), kMin, 0, 1},
      {"slti", slti(10, 11, 0), 0x80000000, 0, 0},  // positive in 64 bits
      {"sltiu", sltiu(10, 11, -1), 0xffffffff, 0, 1},
      {"xori", xori(10, 11, -1), 0x0f0f00ff, 0, 0xfffffffff0f0ff00},
      {"ori", ori(10, 11, -2048), 1, 0, 0xfffffffffffff801},
      {"andi", andi(10, 11, -16), 0x123456789abcdef7, 0, 0x123456789abcdef0},
      {"slli", slli(10, 11, 63), 3, 0, kMin},
      {"slli", slli(10, 11, 32), 1, 0, kTwo32},
      {"srli", srli(10, 11, 63), kMin, 0, 1},
      {"srli", srli(10, 11, 4), kMinWord, 0, 0x0ffffffff8000000},
      {"srai", srai(10, 11, 63), kMin, 0, kOnes},
      {"srai", srai(10, 11, 36), kMax, 0, 0x07ffffff},
      {"add", R(add), 0xffffffff, 1, kTwo32},
      {"sub", R(sub), 0, 1, kOnes},
      {"sll", R(sll), 1, 65, 2},  // the amount is taken modulo 64
      {"sll", R(sll), 1, 33, kTwo32 << 1},
      {"slt", R(slt), kMin, kMax, 1},
      {"slt", R(slt), 0x80000000, 1, 0},
      {"sltu", R(sltu), kMin, kMax, 0},
      {"sltu", R(sltu), 1, kTwo32, 1},
      {"xor", R(xor_), 0xff00ff0000000001, 0x0ff00ff000000001, 0xf0f0f0f000000000},
      {"srl", R(srl), kMin, 0xffffffffffffffe4, 0x08000000},  // by 36
      {"sra", R(sra), kMin, 0xffffffffffffffe4, 0xfffffffff8000000},
      {"or", R(or_), kMin, 1, kMin | 1},
      {"and", R(and_), kMin | 1, kMin, kMin},
      {"mul", R(mul), 0x123456789abcdef0, 0x10, 0x23456789abcdef00},
      {"mul", R(mul), 0xffffffff, 0xffffffff, 0xfffffffe00000001},
      {"mulh", R(mulh), kMin, kMin, uint64_t{1} << 62},
      {"mulh", R(mulh), kOnes, 1, kOnes},
      {"mulhsu", R(mulhsu), kOnes, kOnes, kOnes},  // -1 * (2^64-1) = -2^64 + 1
      {"mulhu", R(mulhu), kOnes, kOnes, kOnes - 1},
      {"div", R(div), static_cast<uint64_t>(-7), 2, static_cast<uint64_t>(-3)},
      {"div", R(div), 5, 0, kOnes},
      {"div", R(div), kMin, kOnes, kMin},
      {"divu", R(divu), kOnes, 2, kMax},
      {"divu", R(divu), 5, 0, kOnes},
      {"rem", R(rem), static_cast<uint64_t>(-7), 2, kOnes},
      {"rem", R(rem), kMin, kOnes, 0},
      {"rem", R(rem), kMin, 0, kMin},
      {"remu", R(remu), kOnes, 10, 5},
      {"fence", fence(), 0, 0, 0},
      {"fence.i", fence_i(), 0, 0, 0},

      // 32 bits of the operands, and the result's sign from bit 31
      {"addiw", addiw(10, 11, 1), 0x7fffffff, 0, kMinWord},
      {"addiw", addiw(10, 11, 0), 0x12345678ffffffff, 0, kOnes},
      {"slliw", slliw(10, 11, 31), 0xffffffff00000003, 0, kMinWord},
      {"srliw", srliw(10, 11, 1), 0xffffffff80000000, 0, 0x40000000},
      {"srliw", srliw(10, 11, 0), 0x80000000, 0, kMinWord},
      {"sraiw", sraiw(10, 11, 31), 0x80000000, 0, kOnes},
      {"sraiw", sraiw(10, 11, 4), 0xffffffff7fffffff, 0, 0x07ffffff},
      {"addw", R(addw), 0x1ffffffff, 2, 1},
      {"addw", R(addw), 0x7fffffff, 1, kMinWord},
      {"subw", R(subw), 0x100000000, 1, kOnes},
      {"subw", R(subw), kMinWord, 1, 0x7fffffff},
      {"sllw", R(sllw), 1, 33, 2},  // modulo 32
      {"sllw", R(sllw), 1, 31, kMinWord},
      {"srlw", R(srlw), 0xffffffff80000000, 0xffffffe4, 0x08000000},
      {"sraw", R(sraw), 0x80000000, 0xffffffe4, 0xfffffffff8000000},
      {"mulw", R(mulw), 0x10000ffff, 0x10001, kOnes},
      {"mulw", R(mulw), 0x12345678, 0x9abcdef0, 0x242d2080},
      {"divw", R(divw), static_cast<uint64_t>(-7), 2, static_cast<uint64_t>(-3)},
      {"divw", R(divw), 0x80000000, 0xffffffff, kMinWord},  // overflow of 32 bits
      {"divw", R(divw), 5, kTwo32, kOnes},                  // zero in 32 bits
      {"divuw", R(divuw), 0xffffffff, 1, kOnes},            // sign-extended as well
      {"divuw", R(divuw), 5, 0, kOnes},
      {"remw", R(remw), static_cast<uint64_t>(-7), 2, kOnes},
      {"remw", R(remw), 0x80000000, 0xffffffff, 0},
      {"remw", R(remw), 0x180000000, 0, kMinWord},
      {"remuw", R(remuw), 0xffffffff, 0x10, 15},
      {"remuw", R(remuw), 0x80000000, 0, kMinWord},
  };
}

struct MemoryCase {
  std::string mnemonic;
  uint32_t word;
  uint64_t operand;  ///< x12
  uint64_t memory_before;
  uint64_t result;        ///< x10
  uint64_t memory_after;  ///< the double word at kData
};

std::vector<MemoryCase> memory_cases() {
  const auto A = [](uint32_t (*encode)(uint32_t, uint32_t, uint32_t)) { return encode(10, 8, 12); };
  constexpr uint64_t kMemory = 0x8899aabbccddeeff;
  constexpr uint64_t kLow = 0xffffffffccddeeff, kHigh = kMemory & kBox;  // the word at kData, and what lies above
  return {
      {"lb", lb(10, 8, 7), 0, kMemory, 0xffffffffffffff88, kMemory},
      {"lh", lh(10, 8, 6), 0, kMemory, 0xffffffffffff8899, kMemory},
      {"lw", lw(10, 8, 4), 0, kMemory, 0xffffffff8899aabb, kMemory},
      {"lbu", lbu(10, 8, 7), 0, kMemory, 0x88, kMemory},
      {"lhu", lhu(10, 8, 6), 0, kMemory, 0x8899, kMemory},
      {"lwu", lwu(10, 8, 4), 0, kMemory, 0x8899aabb, kMemory},
      {"ld", ld(10, 8, 0), 0, kMemory, kMemory, kMemory},
      {"sb", sb(12, 7, 8), 0x1234567890abcdef, 0, 0, 0xef00000000000000},
      {"sh", sh(12, 6, 8), 0x1234567890abcdef, 0, 0, 0xcdef000000000000},
      {"sw", sw(12, 4, 8), 0x1234567890abcdef, 0, 0, 0x90abcdef00000000},
      {"sd", sd(12, 0, 8), 0x1234567890abcdef, 0, 0, 0x1234567890abcdef},
      {"lr.w", lr_w(10, 8), 0, kMemory, kLow, kMemory},
      {"sc.w", A(sc_w), 7, 5, 1, 5},  // no reservation: fails and does not write
      {"amoswap.w", A(amoswap_w), 0x100000007, kMemory, kLow, kHigh | 7},
      {"amoadd.w", A(amoadd_w), 0x100000001, kMemory, kLow, kHigh | 0xccddef00},
      {"amoxor.w", A(amoxor_w), kOnes, kMemory, kLow, kHigh | 0x33221100},
      {"amoand.w", A(amoand_w), 0xff, kMemory, kLow, kHigh | 0xff},
      {"amoor.w", A(amoor_w), 0x11, kMemory, kLow, kHigh | 0xccddeeff},
      {"amomin.w", A(amomin_w), 1, kMemory, kLow, kMemory},
      {"amomax.w", A(amomax_w), 1, kMemory, kLow, kHigh | 1},
      {"amominu.w", A(amominu_w), 0xffffffff00000001, kMemory, kLow, kHigh | 1},
      {"amomaxu.w", A(amomaxu_w), 0xffffffff00000001, kMemory, kLow, kMemory},
      {"lr.d", lr_d(10, 8), 0, kMemory, kMemory, kMemory},
      {"sc.d", A(sc_d), 7, 5, 1, 5},
      {"amoswap.d", A(amoswap_d), 7, kMemory, kMemory, 7},
      {"amoadd.d", A(amoadd_d), kMax, 2, 2, kMin + 1},
      {"amoxor.d", A(amoxor_d), kOnes, kMemory, kMemory, ~kMemory},
      {"amoand.d", A(amoand_d), kBox, kMemory, kMemory, kHigh},
      {"amoor.d", A(amoor_d), kMax, kMin, kMin, kOnes},
      {"amomin.d", A(amomin_d), kMin, kMax, kMax, kMin},
      {"amomin.d", A(amomin_d), 0xffffffff, 0x80000000, 0x80000000, 0x80000000},  // both positive
      {"amomax.d", A(amomax_d), kOnes, 5, 5, 5},
      {"amominu.d", A(amominu_d), kOnes, 5, 5, 5},
      {"amomaxu.d", A(amomaxu_d), kOnes, 5, 5, kOnes},
  };
}

struct JumpCase {
  std::string mnemonic;
  uint32_t word;
  uint64_t a, b;
  uint64_t expected_pc;
};

std::vector<JumpCase> jump_cases() {
  const auto B = [](uint32_t (*encode)(uint32_t, uint32_t, int32_t)) { return encode(11, 12, 0x7fe); };
  constexpr uint64_t kBase = Machine::kBase, kTaken = kBase + 0x7fe, kNot = kBase + 4;
  return {
      {"jal", jal(10, -0x1000), 0, 0, kBase - 0x1000},
      {"jalr", jalr(10, 11, 5), kBase, 0, kBase + 4},  // bit 0 is cleared
      {"beq", B(beq), uint64_t{1} << 32, 0, kNot},     // equal in 32 bits only
      {"beq", B(beq), kMin, kMin, kTaken},
      {"bne", B(bne), uint64_t{1} << 32, 0, kTaken},
      {"blt", B(blt), kMin, kMax, kTaken},
      {"blt", B(blt), 0x80000000, 1, kNot},
      {"bge", B(bge), 0x80000000, 1, kTaken},
      {"bge", B(bge), kMin, kMax, kNot},
      {"bltu", B(bltu), 0xffffffff, kMinWord, kTaken},
      {"bltu", B(bltu), kMin, kMax, kNot},
      {"bgeu", B(bgeu), kMinWord, 0xffffffff, kTaken},
  };
}

/// Operands in f1, f2, f3 as they lie in the registers, and c in x11 too; the destination is f0 and x10.
struct FpCase {
  std::string mnemonic;
  uint32_t word;
  uint64_t a, b, c;
  uint64_t expected;
  uint32_t flags;
};

constexpr uint64_t kOneS = kBox | 0x3f800000, kTwoS = kBox | 0x40000000, kThreeS = kBox | 0x40400000;
constexpr uint64_t kMinusOneS = kBox | 0xbf800000, kNanS = kBox | 0x7fc00000;
constexpr uint64_t kOne = 0x3ff0000000000000, kTwo = 0x4000000000000000, kThree = 0x4008000000000000;
constexpr uint64_t kMinusOne = kOne | kMin, kInf = 0x7ff0000000000000, kNan = 0x7ff8000000000000;
constexpr uint64_t kSignaling = 0x7ff0000000000001, kLargest = 0x7fefffffffffffff, kMinusZero = kMin;
constexpr uint64_t kHalfToEven = 0x4004000000000000;  // 2.5
constexpr uint32_t NX = 1, UF = 2, OF = 4, DZ = 8, NV = 16;

/// Binary32: boxed results, and operands that are not boxed counting as NaN.
std::vector<FpCase> single_to_f_cases() {
  constexpr uint64_t kUnboxed = 0x3f800000;
  return {
      {"fadd.s", fadd_s(0, 1, 2), kOneS, kTwoS, 0, kThreeS, 0},
      {"fadd.s", fadd_s(0, 1, 2), kUnboxed, kTwoS, 0, kNanS, 0},  // a quiet NaN: no flag
      {"fsub.s", fsub_s(0, 1, 2), kOneS, kTwoS, 0, kMinusOneS, 0},
      {"fmul.s", fmul_s(0, 1, 2), kTwoS, kOne, 0, kNanS, 0},  // a binary64 is no boxed binary32
      {"fdiv.s", fdiv_s(0, 1, 2), kOneS, kBox, 0, kBox | 0x7f800000, DZ},
      {"fsqrt.s", fsqrt_s(0, 1, 0), kTwoS, 0, 0, kBox | 0x3fb504f3, NX},
      {"fmadd.s", fmadd_s(0, 1, 2, 3), kTwoS, kThreeS, kOneS, kBox | 0x40e00000, 0},
      {"fmsub.s", fmsub_s(0, 1, 2, 3), kTwoS, kThreeS, kOneS, kBox | 0x40a00000, 0},
      {"fnmsub.s", fnmsub_s(0, 1, 2, 3), kTwoS, kThreeS, kOneS, kBox | 0xc0a00000, 0},
      {"fnmadd.s", fnmadd_s(0, 1, 2, 3), kTwoS, kThreeS, kOneS, kBox | 0xc0e00000, 0},
      {"fsgnj.s", fsgnj_s(0, 1, 2), kUnboxed, kMinusOneS, 0, kBox | 0xffc00000, 0},
      {"fsgnjn.s", fsgnjn_s(0, 1, 2), kOneS, kUnboxed, 0, kMinusOneS, 0},  // the sign of the canonical NaN is +
      {"fsgnjx.s", fsgnjx_s(0, 1, 2), kMinusOneS, kMinusOneS, 0, kOneS, 0},
      {"fmin.s", fmin_s(0, 1, 2), kUnboxed, kTwoS, 0, kTwoS, 0},
      {"fmax.s", fmax_s(0, 1, 2), kOneS, kTwoS, 0, kTwoS, 0},
      {"fcvt.s.w", fcvt_s_w(0, 11, 7), 0, 0, 0xffffffff, kMinusOneS, 0},
      {"fcvt.s.wu", fcvt_s_wu(0, 11, 7), 0, 0, kOnes, kBox | 0x4f800000, NX},
      {"fcvt.s.l", fcvt_s_l(0, 11, 7), 0, 0, kOnes, kMinusOneS, 0},
      {"fcvt.s.l", fcvt_s_l(0, 11, 7), 0, 0, kMin, kBox | 0xdf000000, 0},
      {"fcvt.s.l", fcvt_s_l(0, 11, 1), 0, 0, kMax, kBox | 0x5effffff, NX},
      {"fcvt.s.lu", fcvt_s_lu(0, 11, 7), 0, 0, kOnes, kBox | 0x5f800000, NX},
      {"fcvt.s.lu", fcvt_s_lu(0, 11, 1), 0, 0, kOnes, kBox | 0x5f7fffff, NX},
      {"fmv.w.x", fmv_w_x(0, 11), 0, 0, 0x123456787f800001, kBox | 0x7f800001, 0},
      {"flw", flw(0, 8, 0), 0, 0, 0, kBox | 0x11223344, 0},
      {"fcvt.s.d", fcvt_s_d(0, 1, 0), kThree, 0, 0, kThreeS, 0},
      {"fcvt.s.d", fcvt_s_d(0, 1, 0), kLargest, 0, 0, kBox | 0x7f800000, OF | NX},
      {"fcvt.s.d", fcvt_s_d(0, 1, 1), kLargest, 0, 0, kBox | 0x7f7fffff, OF | NX},
      {"fcvt.s.d", fcvt_s_d(0, 1, 3), 1, 0, 0, kBox | 1, UF | NX},
      {"fcvt.s.d", fcvt_s_d(0, 1, 0), kSignaling, 0, 0, kNanS, NV},
      {"fcvt.s.d", fcvt_s_d(0, 1, 0), kMinusZero, 0, 0, kBox | 0x80000000, 0},
  };
}

std::vector<FpCase> double_to_f_cases() {
  return {
      {"fadd.d", fadd_d(0, 1, 2), kOne, kTwo, 0, kThree, 0},
      {"fadd.d", fadd_d(0, 1, 2), kInf, kInf | kMin, 0, kNan, NV},
      {"fadd.d", fadd_d(0, 1, 2, 2), kOne, kMinusOne, 0, kMinusZero, 0},  // exact zero rounds to -0 downwards
      {"fadd.d", fadd_d(0, 1, 2, 3), kOne, 1, 0, kOne + 1, NX},
      {"fadd.d", fadd_d(0, 1, 2, 1), kOne, 1, 0, kOne, NX},
      {"fadd.d", fadd_d(0, 1, 2), kOne, 0x3ca0000000000000, 0, kOne, NX},  // 2^-53: a tie
      {"fadd.d", fadd_d(0, 1, 2, 4), kOne, 0x3ca0000000000000, 0, kOne + 1, NX},
      {"fsub.d", fsub_d(0, 1, 2), kOne, kTwo, 0, kMinusOne, 0},
      {"fmul.d", fmul_d(0, 1, 2), kLargest, kTwo, 0, kInf, OF | NX},
      {"fmul.d", fmul_d(0, 1, 2, 1), kLargest, kTwo, 0, kLargest, OF | NX},
      {"fmul.d", fmul_d(0, 1, 2), kOne + 1, kOne + 1, 0, kOne + 2, NX},
      {"fmul.d", fmul_d(0, 1, 2), 0x0010000000000001, 0x3fe0000000000000, 0, 0x0008000000000000, UF | NX},
      {"fdiv.d", fdiv_d(0, 1, 2), kOne, 0, 0, kInf, DZ},
      {"fdiv.d", fdiv_d(0, 1, 2), kOne, kThree, 0, 0x3fd5555555555555, NX},
      {"fdiv.d", fdiv_d(0, 1, 2), kThree, kTwo, 0, 0x3ff8000000000000, 0},
      {"fdiv.d", fdiv_d(0, 1, 2), 0, 0, 0, kNan, NV},
      {"fsqrt.d", fsqrt_d(0, 1, 0), kTwo, 0, 0, 0x3ff6a09e667f3bcd, NX},
      {"fsqrt.d", fsqrt_d(0, 1, 0), 0x4022000000000000, 0, 0, kThree, 0},  // 9
      {"fsqrt.d", fsqrt_d(0, 1, 0), kMinusOne, 0, 0, kNan, NV},
      {"fsqrt.d", fsqrt_d(0, 1, 0), kMinusZero, 0, 0, kMinusZero, 0},
      {"fmadd.d", fmadd_d(0, 1, 2, 3), kTwo, kThree, kOne, 0x401c000000000000, 0},
      {"fmadd.d", fmadd_d(0, 1, 2, 3), kOne + 1, kOne + 1, (kOne + 2) | kMin, 0x3970000000000000, 0},  // 2^-104
      {"fmadd.d", fmadd_d(0, 1, 2, 3), kInf, 0, kNan, kNan, NV},
      {"fmsub.d", fmsub_d(0, 1, 2, 3), kTwo, kThree, kOne, 0x4014000000000000, 0},
      {"fnmsub.d", fnmsub_d(0, 1, 2, 3), kTwo, kThree, kOne, 0xc014000000000000, 0},
      {"fnmadd.d", fnmadd_d(0, 1, 2, 3), kTwo, kThree, kOne, 0xc01c000000000000, 0},
      {"fsgnj.d", fsgnj_d(0, 1, 2), kSignaling, kMinusOne, 0, kSignaling | kMin, 0},
      {"fsgnjn.d", fsgnjn_d(0, 1, 2), kOne, kOne, 0, kMinusOne, 0},
      {"fsgnjx.d", fsgnjx_d(0, 1, 2), kMinusOne, kMinusOne, 0, kOne, 0},
      {"fmin.d", fmin_d(0, 1, 2), 0, kMinusZero, 0, kMinusZero, 0},
      {"fmin.d", fmin_d(0, 1, 2), kSignaling, kOne, 0, kOne, NV},
      {"fmax.d", fmax_d(0, 1, 2), kMinusZero, 0, 0, 0, 0},
      {"fmax.d", fmax_d(0, 1, 2), kNan, kNan | kMin, 0, kNan, 0},
      {"fcvt.d.s", fcvt_d_s(0, 1, 0), kThreeS, 0, 0, kThree, 0},
      {"fcvt.d.s", fcvt_d_s(0, 1, 0), kBox | 1, 0, 0, 0x36a0000000000000, 0},  // 2^-149 is normal
      {"fcvt.d.s", fcvt_d_s(0, 1, 0), kBox | 0x7f800001, 0, 0, kNan, NV},
      {"fcvt.d.s", fcvt_d_s(0, 1, 0), kOne, 0, 0, kNan, 0},  // not boxed
      {"fcvt.d.w", fcvt_d_w(0, 11, 0), 0, 0, 0x1ffffffff, kMinusOne, 0},
      {"fcvt.d.wu", fcvt_d_wu(0, 11, 0), 0, 0, kOnes, 0x41efffffffe00000, 0},
      {"fcvt.d.l", fcvt_d_l(0, 11, 0), 0, 0, kMin, 0xc3e0000000000000, 0},
      {"fcvt.d.l", fcvt_d_l(0, 11, 1), 0, 0, kMax, 0x43dfffffffffffff, NX},
      {"fcvt.d.lu", fcvt_d_lu(0, 11, 0), 0, 0, kOnes, 0x43f0000000000000, NX},
      {"fmv.d.x", fmv_d_x(0, 11), 0, 0, kSignaling, kSignaling, 0},
      {"fld", fld(0, 8, 0), 0, 0, 0, 0x5566778811223344, 0},
  };
}

std::vector<FpCase> to_x_cases() {
  return {
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), kBox | 0xcf000000, 0, 0, kMinWord, 0},
      {"fcvt.w.s", fcvt_w_s(10, 1, 0), kOne, 0, 0, 0x7fffffff, NV},                        // not boxed
      {"fcvt.wu.s", fcvt_wu_s(10, 1, 0), kBox | 0x4f7fffff, 0, 0, 0xffffffffffffff00, 0},  // sign-extended as well
      {"fcvt.l.s", fcvt_l_s(10, 1, 0), kBox | 0x4f000000, 0, 0, 0x80000000, 0},
      {"fcvt.l.s", fcvt_l_s(10, 1, 0), kBox | 0x5f000000, 0, 0, kMax, NV},
      {"fcvt.lu.s", fcvt_lu_s(10, 1, 0), kBox | 0x5f7fffff, 0, 0, 0xffffff0000000000, 0},
      {"fcvt.lu.s", fcvt_lu_s(10, 1, 1), kMinusOneS, 0, 0, 0, NV},
      {"fmv.x.w", fmv_x_w(10, 1), 0x1234567880000001, 0, 0, 0xffffffff80000001, 0},  // as it lies there
      {"feq.s", feq_s(10, 1, 2), kOneS, kOneS, 0, 1, 0},
      {"feq.s", feq_s(10, 1, 2), kOneS & ~kBox, kOneS & ~kBox, 0, 0, 0},
      {"flt.s", flt_s(10, 1, 2), kMinusOneS, kOneS, 0, 1, 0},
      {"fle.s", fle_s(10, 1, 2), kOneS, kOneS, 0, 1, 0},
      {"fclass.s", fclass_s(10, 1), kMinusOneS, 0, 0, 1 << 1, 0},
      {"fclass.s", fclass_s(10, 1), 0, 0, 0, 1 << 9, 0},  // not boxed: a quiet NaN
      {"fcvt.w.d", fcvt_w_d(10, 1, 0), kHalfToEven, 0, 0, 2, NX},
      {"fcvt.w.d", fcvt_w_d(10, 1, 4), kHalfToEven, 0, 0, 3, NX},
      {"fcvt.w.d", fcvt_w_d(10, 1, 2), kHalfToEven | kMin, 0, 0, static_cast<uint64_t>(-3), NX},
      {"fcvt.w.d", fcvt_w_d(10, 1, 0), kNan, 0, 0, 0x7fffffff, NV},
      {"fcvt.w.d", fcvt_w_d(10, 1, 0), 0x41e0000000000000, 0, 0, 0x7fffffff, NV},  // 2^31
      {"fcvt.wu.d", fcvt_wu_d(10, 1, 0), 0x41e0000000000000, 0, 0, kMinWord, 0},
      {"fcvt.wu.d", fcvt_wu_d(10, 1, 0), kMinusOne, 0, 0, 0, NV},
      {"fcvt.l.d", fcvt_l_d(10, 1, 0), 0x43e0000000000000, 0, 0, kMax, NV},  // 2^63
      {"fcvt.l.d", fcvt_l_d(10, 1, 0), 0xc3e0000000000000, 0, 0, kMin, 0},
      {"fcvt.l.d", fcvt_l_d(10, 1, 1), kHalfToEven | kMin, 0, 0, static_cast<uint64_t>(-2), NX},
      {"fcvt.lu.d", fcvt_lu_d(10, 1, 0), 0x43e0000000000000, 0, 0, kMin, 0},
      {"fcvt.lu.d", fcvt_lu_d(10, 1, 0), 0x43f0000000000000, 0, 0, kOnes, NV},
      {"fcvt.lu.d", fcvt_lu_d(10, 1, 0), kNan | kMin, 0, 0, kOnes, NV},
      {"fmv.x.d", fmv_x_d(10, 1), kSignaling, 0, 0, kSignaling, 0},
      {"feq.d", feq_d(10, 1, 2), kMinusZero, 0, 0, 1, 0},
      {"feq.d", feq_d(10, 1, 2), kSignaling, kOne, 0, 0, NV},
      {"flt.d", flt_d(10, 1, 2), kMinusOne, kOne, 0, 1, 0},
      {"flt.d", flt_d(10, 1, 2), kNan, kOne, 0, 0, NV},
      {"fle.d", fle_d(10, 1, 2), kOne, kOne, 0, 1, 0},
      {"fle.d", fle_d(10, 1, 2), kOne, kMinusOne, 0, 0, 0},
      {"fclass.d", fclass_d(10, 1), kInf | kMin, 0, 0, 1 << 0, 0},
      {"fclass.d", fclass_d(10, 1), kMinusOne, 0, 0, 1 << 1, 0},
      {"fclass.d", fclass_d(10, 1), kMin | 1, 0, 0, 1 << 2, 0},
      {"fclass.d", fclass_d(10, 1), kMinusZero, 0, 0, 1 << 3, 0},
      {"fclass.d", fclass_d(10, 1), 0, 0, 0, 1 << 4, 0},
      {"fclass.d", fclass_d(10, 1), 0x000fffffffffffff, 0, 0, 1 << 5, 0},
      {"fclass.d", fclass_d(10, 1), kOne, 0, 0, 1 << 6, 0},
      {"fclass.d", fclass_d(10, 1), kInf, 0, 0, 1 << 7, 0},
      {"fclass.d", fclass_d(10, 1), kSignaling, 0, 0, 1 << 8, 0},
      {"fclass.d", fclass_d(10, 1), kNan, 0, 0, 1 << 9, 0},
  };
}

uint64_t double_word(Machine& m, uint64_t address) {
  return m.bus.word(address) | uint64_t{m.bus.word(address + 4)} << 32;
}

std::string name_of_word(uint32_t word) {
  return mnemonic_of(word, Isa::rv64imafdc);
}

}  // namespace

TEST_CASE("RV64: integer instructions compute what the manual says") {
  for (const Case& c : computing_cases()) {
    INFO(c.mnemonic << " " << std::hex << c.a << " " << c.b);
    CHECK(name_of_word(c.word) == c.mnemonic);
    Machine m(rv64());
    Program program;
    program << c.word;
    m.execute(program, 1, [&] {
      m.core->set_x(11, c.a);
      m.core->set_x(12, c.b);
    });
    CHECK(m.core->x(10) == c.expected);
    CHECK(m.core->pc() == Machine::kBase + 4);
    CHECK(m.log.traps.empty());
  }
}

TEST_CASE("RV64: loads, stores and atomics move what the manual says") {
  for (const MemoryCase& c : memory_cases()) {
    for (const bool direct : {true, false}) {
      INFO(c.mnemonic << (direct ? " in direct memory" : " over the bus"));
      CHECK(name_of_word(c.word) == c.mnemonic);
      CoreConfig config = rv64();
      config.use_direct_memory = direct;
      Machine m(config);
      m.bus.set_word(Machine::kData, static_cast<uint32_t>(c.memory_before));
      m.bus.set_word(Machine::kData + 4, static_cast<uint32_t>(c.memory_before >> 32));
      Program program;
      program << c.word;
      m.execute(program, 1, [&] {
        m.core->set_x(8, Machine::kData);
        m.core->set_x(12, c.operand);
      });
      CHECK(m.core->x(10) == c.result);
      CHECK(double_word(m, Machine::kData) == c.memory_after);
      CHECK(m.log.traps.empty());
    }
  }
}

TEST_CASE("RV64: jumps and branches go where the manual says and link behind themselves") {
  for (const JumpCase& c : jump_cases()) {
    INFO(c.mnemonic << " " << std::hex << c.a << " " << c.b);
    CHECK(name_of_word(c.word) == c.mnemonic);
    Machine m(rv64());
    Program program;
    program << c.word;
    m.execute(program, 1, [&] {
      m.core->set_x(11, c.a);
      m.core->set_x(12, c.b);
    });
    CHECK(m.core->pc() == c.expected_pc);
    if (c.mnemonic[0] == 'j') CHECK(m.core->x(10) == Machine::kBase + 4);
  }
}

TEST_CASE("RV64: floating-point instructions give the manual's bits and flags, binary32 boxed") {
  std::vector<FpCase> cases = single_to_f_cases();
  for (const FpCase& c : double_to_f_cases()) cases.push_back(c);
  const size_t to_f = cases.size();
  for (const FpCase& c : to_x_cases()) cases.push_back(c);
  for (size_t i = 0; i < cases.size(); ++i) {
    const FpCase& c = cases[i];
    INFO(c.mnemonic << " " << std::hex << c.a << " " << c.b << " " << c.c);
    CHECK(name_of_word(c.word) == c.mnemonic);
    Machine m(rv64());
    m.bus.set_word(Machine::kData, 0x11223344);
    m.bus.set_word(Machine::kData + 4, 0x55667788);
    Program program;
    program << c.word;
    m.execute(program, 1, [&] {
      m.core->set_f(1, c.a);
      m.core->set_f(2, c.b);
      m.core->set_f(3, c.c);
      m.core->set_x(11, c.c);
      m.core->set_x(8, Machine::kData);
    });
    CHECK((i < to_f ? m.core->f(0) : m.core->x(10)) == c.expected);
    CHECK(m.csr(csr::kFFLAGS) == c.flags);
    CHECK(m.core->csr(csr::kMSTATUS).value() >> 63 == 1);  // SD: the FP state is dirty
    CHECK(m.log.traps.empty());
  }
}

TEST_CASE("RV64: FSW and FSD move bits as they lie in the register") {
  Machine m(rv64());
  Program program;
  program << fsd(1, 8, 8) << fsw(1, 4, 8);
  m.execute(program, 2, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_f(1, kSignaling);
  });
  CHECK(double_word(m, Machine::kData + 8) == kSignaling);
  CHECK(double_word(m, Machine::kData) == uint64_t{1} << 32);
}

TEST_CASE("RV64: system instructions see registers of 64 bits") {
  for (const auto& [mnemonic, word, expected] : std::vector<std::tuple<std::string, uint32_t, uint64_t>>{
           {"csrrw", csrrw(10, csr::kMSCRATCH, 11), kMin | 0x3c},
           {"csrrs", csrrs(10, csr::kMSCRATCH, 11), kMin | 0xf00000000000003c},
           {"csrrc", csrrc(10, csr::kMSCRATCH, 11), 0x7000000000000000},
           {"csrrwi", csrrwi(10, csr::kMSCRATCH, 0x1f), 0x1f},
           {"csrrsi", csrrsi(10, csr::kMSCRATCH, 0x1f), 0xf00000000000001f},
           {"csrrci", csrrci(10, csr::kMSCRATCH, 0x1f), 0xf000000000000000}}) {
    INFO(mnemonic);
    CHECK(name_of_word(word) == mnemonic);
    Machine m(rv64());
    Program program;
    program << word;
    m.execute(program, 1, [&] {
      m.core->set_csr(csr::kMSCRATCH, 0xf000000000000000);
      m.core->set_x(11, kMin | 0x3c);
    });
    CHECK(m.core->x(10) == 0xf000000000000000);
    CHECK(m.core->csr(csr::kMSCRATCH) == expected);
  }
  Machine m(rv64());
  Program program;
  program << cbo_inval(8) << cbo_clean(8) << cbo_flush(8) << mret();
  m.execute(program, 4, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_csr(csr::kMEPC, 0x123456789abcdef1);
    m.core->set_csr(csr::kMSTATUS, 0x1800);
  });
  CHECK(m.log.cache_operations.size() == 3);
  CHECK(m.core->pc() == 0x123456789abcdef0);
  Machine waits(rv64());
  Program wait;
  wait << wfi();
  waits.execute(wait, 1);
  CHECK(waits.core->pc() == Machine::kBase + 4);
  CHECK(waits.core->waiting_for_interrupt());
  for (const auto& [word, cause] : {std::pair(ecall(), 11u), std::pair(ebreak(), 3u)}) {
    Machine trapped(rv64());
    Program one;
    one << word;
    trapped.execute(one, 1);
    CHECK(trapped.core->csr(csr::kMCAUSE) == cause);
    CHECK(trapped.core->csr(csr::kMEPC) == Machine::kBase);
  }
}

TEST_CASE("RV64: every row of the instruction table has a test in this file") {
  std::set<std::string> tested = {"csrrw",     "csrrs", "csrrc",  "csrrwi",    "csrrsi",
                                  "csrrci",    "ecall", "ebreak", "cbo.inval", "cbo.clean",
                                  "cbo.flush", "wfi",   "mret",   "fsw",       "fsd"};
  for (const auto& c : computing_cases()) tested.insert(c.mnemonic);
  for (const auto& c : memory_cases()) tested.insert(c.mnemonic);
  for (const auto& c : jump_cases()) tested.insert(c.mnemonic);
  for (const auto& c : single_to_f_cases()) tested.insert(c.mnemonic);
  for (const auto& c : double_to_f_cases()) tested.insert(c.mnemonic);
  for (const auto& c : to_x_cases()) tested.insert(c.mnemonic);
  for (const InstructionRow& row : instruction_table(Isa::rv64imafdc)) {
    INFO(row.mnemonic);
    CHECK(tested.count(row.mnemonic) == 1);
  }
}

TEST_CASE("RV64: store-conditional of a double word succeeds once after its load-reserved") {
  Machine m(rv64());
  Program program;
  program << lr_d(5, 8) << sc_d(6, 8, 12) << sc_d(7, 8, 12);
  m.execute(program, 3, [&] {
    m.core->set_x(8, Machine::kData);
    m.core->set_x(12, kMin | 77);
  });
  CHECK(m.core->x(6) == 0);
  CHECK(m.core->x(7) == 1);
  CHECK(double_word(m, Machine::kData) == (kMin | 77));
}

TEST_CASE("RV64: misaligned double words succeed across pages and trap when configured, atomics always do") {
  for (const bool traps : {false, true}) {
    CoreConfig config = rv64();
    config.misaligned_traps = traps;
    Machine m(config);
    Program program;
    program << sd(12, -3, 8) << ld(10, 8, -3) << amoadd_d(9, 11, 12);
    m.execute(program, traps ? 1 : 3, [&] {
      m.core->set_x(8, Machine::kData + 0x1000);
      m.core->set_x(11, Machine::kData + 4);
      m.core->set_x(12, 0x1122334455667788);
    });
    REQUIRE(m.log.traps.size() == 1);
    CHECK(m.log.traps[0].cause == 6);
    CHECK(m.log.traps[0].pc == Machine::kBase + (traps ? 0 : 8));
    CHECK(m.core->x(10) == (traps ? 0 : 0x1122334455667788));
  }
}
